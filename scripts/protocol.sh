#!/usr/bin/env bash
# Makes the Python messages of the gRPC interfaces anew, from proto/: ./scripts/protocol.sh [FOLDER]
set -euo pipefail
root=$(cd -P "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
out=${1:-$root}
"$root/.venv/bin/python" -m grpc_tools.protoc -I "$root/proto" --python_out="$out" --pyi_out="$out" \
  cluster_ai/registry/v1/registry.proto cluster_ai/plans/v1/tickets.proto
