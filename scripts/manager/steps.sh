# shellcheck shell=bash
# Long steps, each with its name, what it is doing now, and how long it took. Sourced; needs words.sh.

# Seconds with one decimal where the shell has them (bash 5), whole ones elsewhere.
now_tenths() {
  if [ -n "${EPOCHREALTIME:-}" ]; then
    local whole=${EPOCHREALTIME%[.,]*} part=${EPOCHREALTIME#*[.,]}
    printf '%s' "$((whole * 10 + 10#${part:0:1}))"
  else
    printf '%s' "$((SECONDS * 10))"
  fi
}

took() { # took BEGAN: seconds since then
  local tenths=$(($(now_tenths) - $1))
  printf '%d.%d s' "$((tenths / 10))" "$((tenths % 10))"
}

# step KEY LOG COMMAND...: runs it with its output in LOG. On a terminal a line lives while it runs.
step() {
  local name log=$2 began child code=0
  name=$(words "$1")
  shift 2
  began=$(now_tenths)
  "$@" >"$log" 2>&1 </dev/null &
  child=$!
  if [ -t 2 ]; then
    while kill -0 "$child" 2>/dev/null; do
      printf '\r  … %-22s %8s  %.40s\033[K' "$name" "$(took "$began")" "$(last_line "$log")" >&2
      sleep 0.2
    done
    printf '\r\033[K' >&2
  fi
  wait "$child" || code=$?
  if [ "$code" -eq 0 ]; then
    printf '  ✓ %-22s %8s\n' "$name" "$(took "$began")" >&2
  else
    printf '  ✗ %-22s %8s  %s\n' "$name" "$(took "$began")" "$(words failed)" >&2
    tail -n 15 "$log" | sed 's/^/    /' >&2
    say full_log "$log"
  fi
  return "$code"
}

last_line() {
  tail -n 1 "$1" 2>/dev/null | tr -d '\000-\037' | cut -c1-40
}
