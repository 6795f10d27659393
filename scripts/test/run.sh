#!/usr/bin/env bash
# Every check there is, each stage timed; called by `./manager.sh test`.
#   run.sh               all stages
#   run.sh types unit    only those
#   run.sh soak          what takes too long for each time: more of the same faults, every look, all pictures
#   run.sh --known unit  runs nothing: are these stages?
# Exit: 0 all green, 1 a stage is red, 2 there is no such stage.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
cd "$root" || exit 1
export PATH=$root/.venv/bin:$PATH VIRTUAL_ENV=$root/.venv PYTHONPATH=$root
# Where it is set, hundreds of processes would each compile the tests and the nodes' stand-ins anew.
unset PYTHONDONTWRITEBYTECODE

stages=(lint types contracts dependencies shell dashboard menu unit real browser open-webui machines)
others=(soak)
# Rounds one after the other; what a bar parts runs at the same time, since each of them waits for a part of it.
rounds=(
  'lint types contracts dependencies shell unit real | dashboard menu machines browser open-webui'
  'soak'
)

# Tests on machines of their own, those of leases and patience, and what tickets run in: each takes long, and most of it
# waits. With them both lanes take about the same time.
machines=(tests/lan tests/install tests/registry tests/supervisor tests/executors)

shell_files() { git ls-files --cached --others --exclude-standard -- '*.sh' '*.bats' '*.bash' '.ci/run'; }

# The files that hold tests of a kind: to collect all the others first takes longer than many of them.
of_kind() { git grep --untracked -lE "mark\.$1\b" -- 'tests/*test_*.py'; }

stage_lint() { ruff check && ruff format --check; }
stage_types() { mypy; }
stage_contracts() { lint-imports --no-cache; }
stage_dependencies() { deptry .; }
stage_shell() {
  shell_files | xargs shellcheck -x && shell_files | xargs shfmt -i 2 -ci -d
}
# Files of tests stay together, in the order of tests/order.py: the long ones first. One process more than processors,
# since they wait a good part of their time.
stage_unit() { pytest -q -n "$(($(nproc) + 1))" --dist loadfile --no-loadscope-reorder -m 'not real and not browser and not open_webui and not slow' --durations=5; }
# What fails there is red at once: a test that passes only with the machine to itself is a fault to mend. Two processes
# for each processor: most of these tests wait for the parts that they started.
stage_real() {
  pytest -q -n "$(($(nproc) * 2))" --dist loadfile --no-loadscope-reorder -m 'real and not browser and not slow' --durations=25 \
    "${machines[@]/#/--ignore=}"
}
stage_machines() { pytest -q -m 'real and not slow' --durations=5 "${machines[@]}"; }
stage_browser() { of_kind browser | xargs pytest -q -m 'browser and not slow' --durations=5; }
# Its page is driven by the dashboard's Playwright.
stage_open-webui() {
  scripts/setup/dashboard.sh --to-work && scripts/setup/open_webui.sh && of_kind open_webui | xargs pytest -q -m 'open_webui and not slow' --durations=5
}
stage_soak() { pytest -q -m slow --durations=25; }
stage_menu() { bats --print-output-on-failure tests/shell; }
stage_dashboard() {
  scripts/setup/dashboard.sh --to-work &&
    (cd web-dashboard && npm run lint && npm test && npm run budget)
}

is_stage() {
  local one
  for one in "${stages[@]}" "${others[@]}"; do [ "$one" = "$1" ] && return 0; done
  return 1
}

wanted_of() { # wanted_of STAGE...: those of them that are wanted
  local one
  for one in "$@"; do
    case " ${wanted[*]} " in *" $one "*) printf '%s ' "$one" ;; esac
  done
}

run_stages() { # run_stages STAGE...: one after the other, with a line for each in the summary
  local stage began code
  for stage in "$@"; do
    printf '\n== %s\n' "$stage"
    began=$SECONDS code=0
    "stage_$stage" </dev/null || code=$?
    printf '%-14s %5d s  %s\n' "$stage" "$((SECONDS - began))" "$([ "$code" -eq 0 ] && echo ok || echo "RED ($code)")" \
      >>"$told/summary"
  done
}

# shellcheck disable=SC2086  # names of stages are words
run_round() { # run_round 'STAGE... | STAGE...'
  local first beside
  first=$(wanted_of ${1%%|*})
  beside=''
  case $1 in *'|'*) beside=$(wanted_of ${1#*|}) ;; esac
  if [ -n "$first" ] && [ -n "$beside" ]; then
    run_stages $beside >"$told/beside" 2>&1 &
    run_stages $first
    wait $!
    cat "$told/beside"
  else
    run_stages $first $beside
  fi
}

main() {
  local only_names='' stage round
  if [ "${1:-}" = --known ]; then
    only_names=1
    shift
  fi
  wanted=("$@")
  [ $# -gt 0 ] || wanted=("${stages[@]}")
  for stage in "${wanted[@]}"; do
    is_stage "$stage" || { printf 'There is no stage %s. There are: %s\n' "$stage" "${stages[*]} ${others[*]}" >&2 && return 2; }
  done
  [ -z "$only_names" ] || return 0
  told=$(mktemp -d) && trap 'rm -rf "$told"' EXIT
  : >"$told/summary"
  for round in "${rounds[@]}"; do run_round "$round"; done
  local red=0
  grep -q RED "$told/summary" && red=1
  printf '\n== summary\n%s\nall %15d s  %s\n' "$(cat "$told/summary")" "$SECONDS" "$([ "$red" -eq 0 ] && echo green || echo RED)"
  return "$red"
}

main "$@"
