#!/usr/bin/env bash
# A menu over the command line, without logic of its own: every entry prints the command and runs it.
# Digits, or arrows and Enter, on a terminal; lines of input when piped. Fits 80x24.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# shellcheck source=scripts/manager/words.sh
. "$root/scripts/manager/words.sh"

keys=(1 2 3 4 5 6 7 8 9 0 s)
names=(start stop status nodes models chat monitor work logs diag settings)
commands=("start" "stop" "status" "node ls" "model ls" "chat" "tui" "compute workers" "logs" "diag" "config show")

bold='' dim='' inverse='' plain='' clear=''
if [ -t 1 ] && [ "${TERM:-dumb}" != dumb ]; then
  clear=$'\033[H\033[2J'
  inverse=$'\033[7m' plain=$'\033[0m'
  [ -n "${NO_COLOR:-}" ] || { bold=$'\033[1m' dim=$'\033[2m'; }
fi

# One line on top: how the cluster is. Asked of the CLI once a turn.
state_line() {
  local said ready all
  [ -x "$root/.venv/bin/cluster-ai" ] || { words state_new && return; }
  said=$("$root/manager.sh" status --json 2>/dev/null) || true
  all=$(printf '%s' "$said" | grep -o '"state"' | grep -c .)
  ready=$(printf '%s' "$said" | grep -oE '"state": ?"ready"' | grep -c .)
  if [ "$all" -eq 0 ]; then words state_down; else words state_up "$ready" "$all"; fi
}

draw() { # draw CURSOR STATE
  local index mark name
  printf '%s%s%s  %s%s%s\n\n' "$clear" "$bold" "$(words menu_title)" "$plain$dim" "$2" "$plain"
  for index in "${!keys[@]}"; do
    mark=' '
    [ "$index" -eq "$1" ] && mark=$inverse
    name=$(words "menu_${names[index]}")
    # printf pads by bytes; an accent is more than one.
    printf '%s %s  %s%*s%s %s./manager.sh %s%s\n' "$mark" "${keys[index]}" "$name" "$((34 - ${#name}))" '' \
      "$plain" "$dim" "${commands[index]}" "$plain"
  done
  printf '\n%s' "$(words menu_pick)"
  [ -t 0 ] && printf ' ' || printf '\n'
}

# A slip of the finger must not end the answers of everybody.
may_run() { # may_run VERB
  local said=''
  [ -t 0 ] && [ "$1" = stop ] || return 0
  printf '\n%s ' "$(words menu_sure)"
  IFS= read -rsn1 said || return 1
  printf '\n'
  case $said in [yYsS]) return 0 ;; *) return 1 ;; esac
}

run_entry() { # run_entry INDEX
  local verb=${commands[$1]} code=0
  may_run "$verb" || return 0
  printf '\n%s$ ./manager.sh %s%s\n' "$bold" "$verb" "$plain"
  # shellcheck disable=SC2086  # a verb is words
  if [ -t 0 ]; then "$root/manager.sh" $verb || code=$?; else "$root/manager.sh" $verb </dev/null || code=$?; fi
  last_code=$code
  [ -t 0 ] || return 0
  printf '\n%s%s%s' "$dim" "$(words menu_back)" "$plain"
  IFS= read -r _ || true
}

index_of() {
  local index
  for index in "${!keys[@]}"; do
    [ "${keys[index]}" = "$1" ] && printf '%s' "$index" && return 0
  done
  return 1
}

# One key of a terminal: a digit or letter, or up, down, enter.
read_key() {
  local first rest=''
  IFS= read -rsn1 first || return 1
  if [ "$first" = $'\033' ]; then
    IFS= read -rsn2 -t 1 rest || true
    case $rest in '[A' | 'OA') key=up ;; '[B' | 'OB') key=down ;; *) key=q ;; esac
  elif [ -z "$first" ]; then
    key=enter
  else
    key=$first
  fi
}

read_choice() {
  if [ -t 0 ]; then read_key; else IFS= read -r key; fi
}

main() {
  local cursor=0 state chosen key=''
  last_code=0
  state=$(state_line)
  while :; do
    draw "$cursor" "$state"
    read_choice || break
    case $key in
      q) break ;;
      '?') printf '\n%s\n' "$(words menu_help)" && { [ ! -t 0 ] || IFS= read -r _; } ;;
      up) cursor=$(((cursor + ${#keys[@]} - 1) % ${#keys[@]})) ;;
      down) cursor=$(((cursor + 1) % ${#keys[@]})) ;;
      enter) run_entry "$cursor" && state=$(state_line) ;;
      '') ;;
      *)
        if chosen=$(index_of "$key"); then
          cursor=$chosen
          run_entry "$cursor" && state=$(state_line)
        else
          printf '\n' && say menu_unknown "$key"
          last_code=2
        fi
        ;;
    esac
  done
  [ -t 0 ] && printf '\n'
  # Piped, the caller learns how the last command ended.
  [ -t 0 ] && return 0
  return "$last_code"
}

main
