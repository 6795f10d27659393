#!/bin/sh
# The command `cluster-ai` of an installed version; <prefix>/bin/cluster-ai.
set -u
prefix=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
[ -n "${CLUSTER_AI_HOME:-}" ] || CLUSTER_AI_HOME=$(cat "$prefix/home")
export CLUSTER_AI_HOME
if [ -z "${CLUSTER_AI_PORT_BASE:-}" ] && [ -s "$prefix/port-base" ]; then
  CLUSTER_AI_PORT_BASE=$(cat "$prefix/port-base")
  export CLUSTER_AI_PORT_BASE
fi
# An update whose process died is undone by the version that is known to work, before anything is started.
verb='' before='' is_value=''
for word in "$@"; do
  case $is_value$word in
    --lang) is_value=v ;;
    v* | -*) is_value='' ;;
    *) verb=$word && break ;;
  esac
done
case $verb in
  up | restart)
    [ ! -s "$CLUSTER_AI_HOME/updating.json" ] ||
      before=$(sed -n 's/.*"before": *"\([^"]*\)".*/\1/p' "$CLUSTER_AI_HOME/updating.json")
    [ -z "$before" ] || [ ! -x "$prefix/versions/$before/venv/bin/python" ] ||
      "$prefix/versions/$before/venv/bin/python" -P -m cluster_ai.cli.main update finish --prefix "$prefix" || exit $?
    ;;
esac
set -- "$prefix/current/venv/bin/python" -P -m cluster_ai.cli.main "$@"
# Installed for the machine it belongs to a user of its own: root has no reason to run it as root.
if [ -s "$prefix/user" ] && [ "$(id -u)" -eq 0 ]; then
  HOME=$CLUSTER_AI_HOME
  export HOME
  cd / || exit 1
  exec runuser -u "$(cat "$prefix/user")" -- "$@"
fi
exec "$@"
