#!/bin/sh
# All that the cluster's own key may ask for on this machine: sshd runs this, whatever was asked (authorized_keys,
# "command="). $1 is our program here, <prefix>/bin/cluster-ai. Exit: the program's own, 126 for anything else.
set -u

# As the agent does it when its head says so; for when it does not hear its head any more.
update() {
  prefix=$(cd "$(dirname "$1")/.." && pwd -P) && home=$(cat "$prefix/home") &&
    "$prefix/current/venv/bin/python" -P -m cluster_ai.nodes.bundle.steps upgrade --prefix "$prefix" --home "$home" &&
    restart "$1"
}

# Whoever started it starts it again.
restart() { "$1" down; }

case ${SSH_ORIGINAL_COMMAND-} in
  probe)
    uname -srm
    df -Pk "$HOME" | tail -n 1
    exec "$1" --version
    ;;
  status) exec "$1" status --json ;;
  update) update "$1" ;;
  restart) restart "$1" ;;
  logs) exec "$1" logs --lines 200 ;;
  *)
    echo "this key may ask for: probe, status, update, restart, logs" >&2
    exit 126
    ;;
esac
