# Shared by the bats files: a home and ports of their own; nothing outlives a file.
ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd -P)
export MANAGER=$ROOT/manager.sh

own_cluster() {
  export CLUSTER_AI_HOME=$BATS_FILE_TMPDIR/home
  # Ours until this file's process ends, so that nobody takes them between a stop and the next start.
  tail --pid=$$ -f /dev/null 2>/dev/null 3>&- |
    "$ROOT/.venv/bin/python" "$ROOT/tests/ports.py" >"$BATS_FILE_TMPDIR/ports" 2>/dev/null 3>&- &
  until CLUSTER_AI_PORT_BASE=$(grep . "$BATS_FILE_TMPDIR/ports" 2>/dev/null); do sleep 0.1; done
  export CLUSTER_AI_PORT_BASE NO_COLOR=1 LC_ALL=C.UTF-8 CLUSTER_AI_GATEWAY__FIND_LOCAL_OLLAMA=false
  unset CLUSTER_AI_LANG
}

# Processes of ours that run on this file's home; one that is just ending is given a moment.
left_over() {
  local _ found=''
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    found=$(ours)
    [ -z "$found" ] && return 0
    sleep 0.3
  done
  printf '%s\n' "$found"
}

ours() {
  local file
  grep -lsz "^CLUSTER_AI_HOME=$CLUSTER_AI_HOME\$" /proc/[0-9]*/environ | while IFS= read -r file; do
    { tr '\0' ' ' <"${file%environ}cmdline" && echo; } 2>/dev/null
  done | grep -E 'cluster_ai|backend\.serve' || true
}

# Process numbers of the parts.
pids() {
  "$MANAGER" status --json | grep -o '"pid": *[0-9]*' | sort
}
