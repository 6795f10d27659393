#!/bin/sh
# Makes the cluster's own authority and this head's certificate, or says what there is.
#   generate_certificates.sh          makes what is missing
#   generate_certificates.sh renew    a new certificate for this head now
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd -P)
[ "$#" -gt 0 ] || set -- make
exec "$root/manager.sh" tls "$@"
