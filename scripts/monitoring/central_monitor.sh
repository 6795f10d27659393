#!/bin/sh
# The whole cluster in this terminal, live.
#   central_monitor.sh                ends with q
#   central_monitor.sh --help
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
exec "$root/manager.sh" tui "$@"
