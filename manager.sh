#!/usr/bin/env bash
# The front door: makes what is missing, then hands over to the CLI. Without a verb: a menu.
#   ./manager.sh start | stop | restart | status [--json] | logs [-f] [component] | diag
#   ./manager.sh test | bench [NAME] | docs build | docs serve
#   ./manager.sh VERB ...      any verb of `cluster-ai`
# Exit: 0 ok · 1 error · 2 usage · 3 no Python · 5 dependency · 6 network · 7 degraded · 8 port taken · 9 disk · 130
set -u

# The folder of the script itself, however it was called: through a link, from anywhere.
script=${BASH_SOURCE[0]}
while [ -L "$script" ]; do
  folder=$(cd -P "$(dirname "$script")" && pwd)
  script=$(readlink "$script")
  case $script in /*) ;; *) script=$folder/$script ;; esac
done
root=$(cd -P "$(dirname "$script")" && pwd)
cli=$root/.venv/bin/cluster-ai
# What the CLI calls itself in what it tells people to type.
export CLUSTER_AI_CALLED_AS=$0
# shellcheck source=scripts/manager/words.sh
. "$root/scripts/manager/words.sh"

# One at a time: two first starts must not fill the same folder.
prepare() {
  mkdir -p "$root/.cache"
  if command -v flock >/dev/null 2>&1; then
    exec 9>"$root/.cache/setup.lock"
    if ! flock -n 9; then
      say other_start
      flock 9
    fi
  fi
  "$root/scripts/setup/environment.sh" "$1" 9>&-
  local code=$?
  if [ "$code" -eq 0 ] && [ "$1" = runtime ]; then
    "$root/scripts/setup/dashboard.sh" 9>&- || say no_dashboard
  fi
  exec 9>&-
  return "$code"
}

bench() {
  local name=${1:-start}
  name=${name//-/_}
  if [ ! -f "$root/benchmarks/$name.py" ]; then
    say unknown_bench "$(cd "$root/benchmarks" && echo *.py | sed 's/\.py//g')"
    return 2
  fi
  shift
  prepare dev || return
  PYTHONPATH=$root "$root/.venv/bin/python" "$root/benchmarks/$name.py" "$@"
}

main() {
  case ${1:-} in
    "" | menu)
      exec "$root/scripts/manager/menu.sh"
      ;;
    start)
      shift
      prepare runtime || return
      exec "$cli" up --detach "$@"
      ;;
    stop)
      shift
      # Nothing was ever installed, so nothing runs.
      [ -x "$cli" ] || { prepare runtime || return; }
      exec "$cli" down "$@"
      ;;
    help | -h | --help)
      say usage
      [ -x "$cli" ] || return 0
      exec "$cli" --help
      ;;
    test)
      shift
      "$root/scripts/test/run.sh" --known "$@" || return
      "$root/scripts/setup/system_packages.sh" || return
      prepare dev || return
      exec "$root/scripts/test/run.sh" "$@"
      ;;
    bench)
      shift
      bench "$@"
      ;;
    docs)
      shift
      "$root/scripts/setup/environment.sh" runtime || return
      exec "$root/scripts/docs/site.sh" "$@"
      ;;
    *)
      [ -x "$cli" ] || { prepare runtime || return; }
      exec "$cli" "$@"
      ;;
  esac
}

main "$@"
