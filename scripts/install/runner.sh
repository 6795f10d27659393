#!/bin/sh
# Runs this machine's part of the cluster, a head's or a worker's, and starts it again whenever it ends, as a service or
# without one. Installed as <prefix>/bin/cluster-ai-run. A worker's version on trial must be confirmed by the agent in
# time; else the one before runs. A head's update has a process of its own; when that is gone, what it left is undone.
#   CLUSTER_AI_TRIAL_SECONDS  how long either waits (60)
# Ends on SIGTERM, SIGINT and SIGHUP, and then with every part.
set -u
prefix=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
patience=${CLUSTER_AI_TRIAL_SECONDS:-60}
[ -n "${CLUSTER_AI_HOME:-}" ] || CLUSTER_AI_HOME=$(cat "$prefix/home")
export CLUSTER_AI_HOME
if [ -z "${CLUSTER_AI_PORT_BASE:-}" ] && [ -s "$prefix/port-base" ]; then
  CLUSTER_AI_PORT_BASE=$(cat "$prefix/port-base")
  export CLUSTER_AI_PORT_BASE
fi
# Installed for the machine it runs as a user of its own, whoever starts it.
if [ -s "$prefix/user" ] && [ "$(id -u)" -eq 0 ]; then
  HOME=$CLUSTER_AI_HOME
  export HOME
  exec runuser -u "$(cat "$prefix/user")" -- "$prefix/bin/cluster-ai-run"
fi
# A variable of ours is no setting of the program.
unset CLUSTER_AI_TRIAL_SECONDS
child=
starting=
pause=1
run=$CLUSTER_AI_HOME/run

note() { printf '%s cluster-ai-run: %s\n' "$(date '+%Y-%m-%dT%H:%M:%S%z')" "$*" >&2; }

finish() {
  trap '' TERM INT HUP
  rm -f "$prefix/runner.pid" "$run/runner.pid"
  # The signal may have come between a start and the note of its number.
  if [ -n "$starting" ] && [ "${!:-none}" != "$starting" ]; then child=$!; fi
  [ -z "$child" ] || end_child
  exit 0
}

# A signal that comes while it rests is heard at once.
rest() {
  sleep "$1" &
  sleeper=$!
  wait "$sleeper" || kill "$sleeper" 2>/dev/null
}

# A machine that has left its cluster, or has joined none yet, must not become a head of its own by being started.
until_it_has_joined() {
  [ "$(cat "$prefix/role" 2>/dev/null)" != head ] || return 0
  [ ! -e "$CLUSTER_AI_HOME/membership.json" ] || return 0
  note "this machine is of no cluster; nothing is started until it joins one"
  until [ -e "$CLUSTER_AI_HOME/membership.json" ]; do rest 2; done
}

# Whoever stops the cluster holds it, too: the number of a process, for as long as that lives; 0 until somebody lets go.
is_held() {
  [ -e "$run/held" ] || return 1
  holder=$(cat "$run/held" 2>/dev/null)
  case $holder in '' | 0 | *[!0-9]*) return 0 ;; esac
  kill -0 "$holder" 2>/dev/null && return 0
  rm -f "$run/held"
  return 1
}

until_let_go() {
  is_held || return 0
  note "stopped by cluster-ai; it runs again after cluster-ai up, or when this machine boots"
  while is_held; do rest 1; done
}

# The old version does it: it is the one that is known to work. While the update's own process lives it holds the lock.
finish_update() {
  [ -s "$CLUSTER_AI_HOME/updating.json" ] || return 0
  before=$(sed -n 's/.*"before": *"\([^"]*\)".*/\1/p' "$CLUSTER_AI_HOME/updating.json")
  [ -n "$before" ] && [ -x "$prefix/versions/$before/venv/bin/python" ] || return 0
  flock -n "$run/update.lock" true || return 0
  "$prefix/versions/$before/venv/bin/python" -P -m cluster_ai.cli.main update finish --prefix "$prefix" >&2
}

# Where the commands look for whoever keeps the cluster running.
show_number() {
  [ -d "$CLUSTER_AI_HOME" ] && (umask 077 && mkdir -p "$run" && printf '%s\n' "$$" >"$run/runner.pid")
}

start() {
  show_number
  starting=${!:-none}
  "$prefix/current/venv/bin/python" -P -m cluster_ai.cli.main up &
  child=$!
  starting=
}

# A signal that meets a child while it is still this shell is lost: it is told until it has ended.
end_child() {
  kill -TERM "$child" 2>/dev/null
  while sleep 1 && kill -TERM "$child" 2>/dev/null; do :; done &
  teller=$!
  wait "$child" 2>/dev/null
  kill -KILL "$teller" 2>/dev/null
  child=
}

# The old version does it: it is the one that is known to work.
roll_back() {
  before=$(sed -n 's/.*"before": *"\([^"]*\)".*/\1/p' "$prefix/trial")
  note "the new version did not report to the head within $patience s; going back to ${before:-none}"
  "$prefix/versions/$before/venv/bin/python" -P -m cluster_ai.nodes.bundle.steps back --prefix "$prefix" >&2 ||
    rm -f "$prefix/trial"
}

watch_trial() {
  left=$patience
  while [ -f "$prefix/trial" ]; do
    if [ "$left" -le 0 ]; then
      end_child
      roll_back
      return
    fi
    rest 1
    left=$((left - 1))
    kill -0 "$child" 2>/dev/null || is_held || start
  done
}

# A head's new version whose update has lost its process keeps itself when it becomes ready; else it is ended here, and
# undone before the next start.
watch_update() {
  left=$patience
  while [ -n "$child" ] && [ -s "$CLUSTER_AI_HOME/updating.json" ] && kill -0 "$child" 2>/dev/null; do
    if flock -n "$run/update.lock" true; then
      left=$((left - 1))
      if [ "$left" -le 0 ]; then
        note "nobody ends the update, and the new version did not become ready in $patience s"
        end_child
        return
      fi
    fi
    rest 1
  done
}

# After a reboot somebody else may have the number that stands there.
is_other_runner() {
  other=$(cat "$prefix/runner.pid" 2>/dev/null)
  case $other in '' | "$$" | *[!0-9]*) return 1 ;; esac
  kill -0 "$other" 2>/dev/null || return 1
  [ ! -r "/proc/$other/cmdline" ] || tr '\000' ' ' <"/proc/$other/cmdline" | grep -qF cluster-ai-run
}

main() {
  if is_other_runner; then
    note "process $other does this already"
    exit 1
  fi
  trap finish TERM INT HUP
  printf '%s\n' "$$" >"$prefix/runner.pid"
  # Of before the machine booted.
  rm -f "$run/held"
  show_number
  while :; do
    until_it_has_joined
    until_let_go
    if ! finish_update; then
      note "an update that was cut off could not be undone; trying again"
      rest 10
      continue
    fi
    began=$(date +%s)
    start
    watch_trial
    watch_update
    if [ -n "$child" ]; then
      wait "$child"
      child=
    fi
    if is_held; then
      pause=1
      continue
    fi
    # What ends at once is not started at once again; a restart that was asked for is.
    if [ $(($(date +%s) - began)) -lt 10 ]; then
      rest "$pause"
      [ "$pause" -ge 30 ] || pause=$((pause * 2))
    else
      pause=1
    fi
  done
}

main
