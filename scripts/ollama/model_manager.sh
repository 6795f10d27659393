#!/bin/sh
# Models of the cluster: what follows is a verb of `cluster-ai model`.
#   model_manager.sh                  lists them
#   model_manager.sh pull llama3.2:3b --all
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
[ "$#" -gt 0 ] || set -- ls
exec "$root/manager.sh" model "$@"
