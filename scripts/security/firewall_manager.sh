#!/bin/sh
# The packet filter of this head: what follows is a verb of `cluster-ai firewall`.
#   firewall_manager.sh               shows it
#   firewall_manager.sh apply         puts it in force; undone by itself unless confirmed
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
[ "$#" -gt 0 ] || set -- show
exec "$root/manager.sh" firewall "$@"
