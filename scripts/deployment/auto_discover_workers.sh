#!/bin/sh
# Looks for machines on the LAN that can become workers; what follows is passed on.
#   auto_discover_workers.sh          asks for each of them whether to add it
#   auto_discover_workers.sh --json   only lists them
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
[ "$#" -gt 0 ] || set -- --add
exec "$root/manager.sh" node discover "$@"
