#!/usr/bin/env bash
# The documents as a site, offline to read: no font, script or request from elsewhere.
#   site.sh build [FOLDER]   makes it into FOLDER (.cache/site)
#   site.sh serve [FOLDER]   that, and serves it on http://127.0.0.1:8080 until Ctrl-C
# Zensical lies in an environment of its own (.venv-docs) from requirements/docs.lock; a second run installs nothing.
# Needs .venv (scripts/setup/environment.sh) for uv. Exit: 0 ok, 1 a page is refused, 2 usage, 5 no uv, 6 no network.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# shellcheck source=scripts/manager/words.sh
. "$root/scripts/manager/words.sh"
# shellcheck source=scripts/manager/steps.sh
. "$root/scripts/manager/steps.sh"

venv=$root/.venv-docs
lock=$root/requirements/docs.lock
stamp=$venv/installed
logs=$root/.cache/setup
uv=${UV:-$root/.venv/bin/uv}
python=${CLUSTER_AI_PYTHON:-$root/.venv/bin/python}

fetch() {
  "$uv" venv --quiet --clear --python "$python" "$venv" &&
    VIRTUAL_ENV=$venv "$uv" pip sync --python "$venv/bin/python" --require-hashes --no-progress "$lock"
}

install() {
  local digest
  digest=$(cksum <"$lock" | tr ' ' '-')
  [ -x "$venv/bin/zensical" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$digest $root" ] && return 0
  [ -x "$uv" ] || return 5
  mkdir -p "$logs"
  if ! step docs "$logs/docs.log" fetch; then
    say no_network
    return 6
  fi
  printf '%s' "$digest $root" >"$stamp"
}

main() {
  local verb=${1:-build} code=0
  case $verb in
    build | serve) ;;
    *)
      say docs_usage >&2
      return 2
      ;;
  esac
  install || code=$?
  [ "$code" -eq 0 ] || return "$code"
  exec "$venv/bin/python" "$root/scripts/docs/site.py" "$verb" "${2:-$root/.cache/site}"
}

main "$@"
