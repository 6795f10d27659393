#!/bin/sh
# Checks everything, and says what is wrong and what to do.
#   health_check.sh                   exit 0: nothing is, 7: something is
#   health_check.sh --json
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
exec "$root/manager.sh" diag "$@"
