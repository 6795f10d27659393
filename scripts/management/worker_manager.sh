#!/bin/sh
# Machines of the cluster: what follows is a verb of `cluster-ai node`.
#   worker_manager.sh                 lists them
#   worker_manager.sh drain attic
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
[ "$#" -gt 0 ] || set -- ls
exec "$root/manager.sh" node "$@"
