#!/bin/sh
# Runs this machine's part of the cluster and starts it again whenever it ends, as a service or without one. Installed
# as <prefix>/bin/cluster-ai-run. A version on trial must be confirmed by the agent in time; else the one before runs.
#   CLUSTER_AI_TRIAL_SECONDS  how long that is (60)
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

note() { printf '%s cluster-ai-run: %s\n' "$(date '+%Y-%m-%dT%H:%M:%S%z')" "$*" >&2; }

finish() {
  trap '' TERM INT HUP
  rm -f "$prefix/runner.pid"
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
  [ ! -e "$CLUSTER_AI_HOME/membership.json" ] || return 0
  note "this machine is of no cluster; nothing is started until it joins one"
  until [ -e "$CLUSTER_AI_HOME/membership.json" ]; do rest 2; done
}

start() {
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
    kill -0 "$child" 2>/dev/null || start
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
  while :; do
    until_it_has_joined
    began=$(date +%s)
    start
    watch_trial
    if [ -n "$child" ]; then
      wait "$child"
      child=
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
