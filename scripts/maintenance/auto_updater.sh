#!/bin/sh
# Looks for a newer version of the program, for a timer; what follows is passed on.
#   auto_updater.sh          only looks, where [update] source in config.toml says
#   auto_updater.sh apply    takes it, behind a health gate, and goes back by itself when it does not become ready
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
[ "$#" -gt 0 ] || set -- check
exec "$root/manager.sh" update "$@"
