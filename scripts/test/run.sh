#!/usr/bin/env bash
# Every check there is, each stage timed; called by `./manager.sh test`.
#   run.sh               all stages
#   run.sh types unit    only those
#   run.sh soak          what takes too long for each time: more of the same faults, every look, all pictures
#   run.sh --known unit  runs nothing: are these stages?
# Exit: 0 all green, 1 a stage is red, 2 there is no such stage.
# At most three tests of a stage that failed are tried once more when everything else has ended: what is red then, with
# the machine to itself, is red. What is green then is named at the end, since it hides a fault of the test or worse.
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

few=3 # so many red tests of a stage may be chance

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
# Each stage has a cache of its own, since two run at the same time.
tested() { # tested STAGE ARGUMENT...
  rm -rf ".pytest_cache/$1"
  pytest -q -o "cache_dir=.pytest_cache/$1" "${@:2}"
}
stage_unit() { tested unit -n "$(($(nproc) + 1))" --dist loadfile --no-loadscope-reorder -m 'not real and not browser and not open_webui and not slow' --durations=5; }
# Two processes for each processor: most of these tests wait for the parts that they started.
stage_real() {
  tested real -n "$(($(nproc) * 2))" --dist loadfile --no-loadscope-reorder -m 'real and not browser and not slow' --durations=25 \
    "${machines[@]/#/--ignore=}"
}
stage_machines() { tested machines -m 'real and not slow' --durations=5 "${machines[@]}"; }
# shellcheck disable=SC2046  # names of files are words
stage_browser() { tested browser -m 'browser and not slow' --durations=5 $(of_kind browser); }
# Its page is driven by the dashboard's Playwright.
# shellcheck disable=SC2046
stage_open-webui() {
  scripts/setup/dashboard.sh --to-work && scripts/setup/open_webui.sh &&
    tested open-webui -m 'open_webui and not slow' --durations=5 $(of_kind open_webui)
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

failed_of() { # failed_of STAGE: the tests of it that failed, a line each
  python3 -c 'import json, sys; print("\n".join(json.load(open(sys.argv[1]))))' \
    ".pytest_cache/$1/v/cache/lastfailed" 2>/dev/null
}

# Stages whose few red tests are green alone count as green, and are told.
try_again() {
  local stage reds red ids
  mapfile -t reds < <(sed -n 's/^\([a-z-]*\) .*RED (1)$/\1/p' "$told/summary")
  for stage in "${reds[@]}"; do
    mapfile -t ids < <(failed_of "$stage")
    [ "${#ids[@]}" -gt 0 ] && [ "${#ids[@]}" -le "$few" ] || continue
    printf '\n== %s once more, alone\n' "$stage"
    pytest -q -p no:xdist "${ids[@]}" </dev/null || continue
    red=$(sed -n "s/^\($stage .*\)RED (1)$/\1/p" "$told/summary")
    sed -i "/^$stage /d" "$told/summary"
    { printf '%sok, with %s red until alone:\n' "$red" "${#ids[@]}" && printf '  %s\n' "${ids[@]}"; } >>"$told/summary"
  done
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
  try_again
  local red=0
  grep -q RED "$told/summary" && red=1
  printf '\n== summary\n%s\nall %15d s  %s\n' "$(cat "$told/summary")" "$SECONDS" "$([ "$red" -eq 0 ] && echo green || echo RED)"
  return "$red"
}

main "$@"
