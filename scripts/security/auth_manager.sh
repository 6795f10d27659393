#!/bin/sh
# Passwords, and who one is: what follows is a verb of `cluster-ai auth`.
#   auth_manager.sh                   who one is
#   auth_manager.sh set-password      a new one for the admin
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
[ "$#" -gt 0 ] || set -- whoami
exec "$root/manager.sh" auth "$@"
