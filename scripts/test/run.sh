#!/usr/bin/env bash
# Every check there is, each stage timed; called by `./manager.sh test`.
#   run.sh               all stages
#   run.sh types unit    only those
#   run.sh --known unit  runs nothing: are these stages?
# Exit: 0 all green, 1 a stage is red, 2 there is no such stage.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
cd "$root" || exit 1
export PATH=$root/.venv/bin:$PATH VIRTUAL_ENV=$root/.venv PYTHONPATH=$root

stages=(lint types contracts dependencies shell unit menu dashboard real browser)

shell_files() { git ls-files --cached --others --exclude-standard -- '*.sh' '*.bats' '*.bash' '.ci/run'; }

stage_lint() { ruff check && ruff format --check; }
stage_types() { mypy; }
stage_contracts() { lint-imports --no-cache; }
stage_dependencies() { deptry .; }
stage_shell() {
  shell_files | xargs shellcheck -x && shell_files | xargs shfmt -i 2 -ci -d
}
# Files of tests stay together; what starts processes of ours runs two at a time, for most of it waits.
stage_unit() { pytest -q -n auto --dist loadfile -m 'not real and not browser and not slow' --durations=5; }
# A test that fails there is looked at once more with the machine to itself; one that fails again is red.
stage_real() {
  local only='real and not browser and not slow'
  pytest -q -n 2 --dist loadfile -m "$only" --durations=25 && return 0
  printf '\n== real: what failed, alone\n'
  pytest -q --last-failed --last-failed-no-failures none -m "$only"
}
stage_browser() { pytest -q -m 'browser and not slow' --durations=5; }
stage_menu() { bats --print-output-on-failure tests/shell; }
stage_dashboard() {
  (cd web-dashboard && npm ci --ignore-scripts --no-audit --no-fund && npm run lint && npm test && npm run build &&
    npm run budget)
}

is_stage() {
  local one
  for one in "${stages[@]}"; do [ "$one" = "$1" ] && return 0; done
  return 1
}

main() {
  local only_names='' stage began code red=0 summary=''
  if [ "${1:-}" = --known ]; then
    only_names=1
    shift
  fi
  local wanted=("$@")
  [ $# -gt 0 ] || wanted=("${stages[@]}")
  for stage in "${wanted[@]}"; do
    is_stage "$stage" || { printf 'There is no stage %s. There are: %s\n' "$stage" "${stages[*]}" >&2 && return 2; }
  done
  [ -z "$only_names" ] || return 0
  for stage in "${wanted[@]}"; do
    printf '\n== %s\n' "$stage"
    began=$SECONDS code=0
    "stage_$stage" </dev/null || code=$?
    [ "$code" -eq 0 ] || red=1
    summary+=$(printf '%-14s %5d s  %s' "$stage" "$((SECONDS - began))" "$([ "$code" -eq 0 ] && echo ok || echo "RED ($code)")")$'\n'
  done
  printf '\n== summary\n%sall %15d s  %s\n' "$summary" "$SECONDS" "$([ "$red" -eq 0 ] && echo green || echo RED)"
  return "$red"
}

main "$@"
