#!/usr/bin/env bash
# Builds the dashboard into backend/ui when its build is missing or older than its sources.
#   dashboard.sh             only what is needed to have it
#   dashboard.sh --to-work   with all that its tests and checks need, though it is built
# Node 20.19 or newer is taken from the machine, else from the wheel that requirements/node.lock pins.
# Exit: 0 built or up to date, 1 not built.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# shellcheck source=scripts/manager/words.sh
. "$root/scripts/manager/words.sh"
# shellcheck source=scripts/manager/steps.sh
. "$root/scripts/manager/steps.sh"

sources=$root/web-dashboard
built=$root/backend/ui
logs=$root/.cache/setup
kind=use
[ "${1:-}" = --to-work ] && kind=work

digest() {
  (cd "$sources" && find . \( -name node_modules -o -name e2e -o -name test-results \) -prune -o -type f -print |
    LC_ALL=C sort | while IFS= read -r file; do cksum "$file"; done | cksum | tr ' ' '-')
}

is_built() {
  [ -r "$built/index.html" ] && [ "$(cat "$built/.sources" 2>/dev/null)" = "$1" ]
}

has_node() {
  command -v npm >/dev/null 2>&1 && node -e '
    const [major, minor] = process.versions.node.split(".").map(Number)
    process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' >/dev/null 2>&1
}

fetch_node() {
  VIRTUAL_ENV=$root/.venv "$root/.venv/bin/uv" pip install --python "$root/.venv/bin/python" --no-deps \
    --require-hashes --no-progress -r "$root/requirements/node.lock"
}

# Whoever only uses it installs half as much: nothing of what checks, tests or drives it.
fetch_packages() {
  local without=(--omit=dev)
  [ "$kind" = work ] && without=()
  cd "$sources" && npm ci --ignore-scripts --no-audit --no-fund ${without[@]+"${without[@]}"}
}

build() {
  cd "$sources" && npm run build
}

packages_digest() {
  cksum <"$sources/package-lock.json"
}

are_packages_there() {
  local found
  found=$(cat "$sources/node_modules/.lock" 2>/dev/null)
  [ "$found" = "$kind $(packages_digest)" ] || [ "$found" = "work $(packages_digest)" ]
}

bring_tools() {
  mkdir -p "$logs"
  if ! has_node; then
    PATH=$root/.venv/bin:$PATH
    has_node || step node "$logs/node.log" fetch_node || return 1
  fi
  if ! are_packages_there; then
    step dashboard_packages "$logs/npm.log" fetch_packages || return 1
    printf '%s' "$kind $(packages_digest)" >"$sources/node_modules/.lock"
  fi
}

main() {
  local wanted
  wanted=$(digest)
  [ "$kind" = use ] && is_built "$wanted" && return 0
  bring_tools || return 1
  is_built "$wanted" && return 0
  step dashboard "$logs/dashboard.log" build || return 1
  printf '%s' "$wanted" >"$built/.sources"
}

main "$@"
