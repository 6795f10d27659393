#!/bin/sh
# Goes back to the version of the program that ran before; its tables and a health gate included.
#   rollback.sh            of an installed head; a checkout is told what to do instead
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
exec "$root/manager.sh" update rollback "$@"
