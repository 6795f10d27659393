#!/usr/bin/env bats
# A machine on which something is missing: the reason, what to do, and the documented exit code.

setup() {
  load help
  export LC_ALL=C.UTF-8
  unset CLUSTER_AI_LANG CLUSTER_AI_PYTHON
  TREE=$BATS_TEST_TMPDIR/tree
  mkdir -p "$TREE/requirements"
  cp -r "$ROOT/manager.sh" "$ROOT/scripts" "$TREE/"
  cp "$ROOT"/requirements/*.lock "$TREE/requirements/"
  # A PATH on which there is everything but Python.
  BARE=$BATS_TEST_TMPDIR/bin
  mkdir "$BARE"
  local tool
  for tool in bash sh cat cksum tr df awk dirname readlink mkdir rm sed tail cut sleep date flock env grep printf; do
    ln -s "$(command -v "$tool")" "$BARE/$tool" 2>/dev/null || true
  done
}

@test "without Python the message says how to get one, exit 3" {
  PATH=$BARE run "$TREE/manager.sh" start
  [ "$status" -eq 3 ]
  [[ $output == *"apt install python3"* ]]
}

@test "and says it in Portuguese" {
  CLUSTER_AI_LANG=pt-BR PATH=$BARE run "$TREE/manager.sh" start
  [ "$status" -eq 3 ]
  [[ $output == *"Instale um"* ]]
}

@test "a Python that is too old is not taken" {
  printf '#!/bin/sh\nexit 1\n' >"$BARE/python3"
  chmod +x "$BARE/python3"
  PATH=$BARE run "$TREE/manager.sh" status
  [ "$status" -eq 3 ]
}

@test "without a network it says so, exit 6, and the next start begins anew" {
  PIP_INDEX_URL=http://127.0.0.1:1/ PIP_FIND_LINKS='' PIP_NO_CACHE_DIR=1 PIP_RETRIES=0 PIP_CONFIG_FILE=/dev/null \
    run "$TREE/manager.sh" start
  [ "$status" -eq 6 ]
  [[ $output == *"Is there a network"* ]]
  [ ! -e "$TREE/.venv/installed" ]
}

@test "an unknown benchmark is a usage error that names those there are" {
  mkdir "$TREE/benchmarks"
  touch "$TREE/benchmarks/start.py"
  run "$TREE/manager.sh" bench nothing
  [ "$status" -eq 2 ]
  [[ $output == *start* ]]
}

@test "every sentence stands in both languages" {
  local english portuguese
  english=$(grep -o '^word_[a-z_]*' "$ROOT/scripts/manager/words.sh" | sed 's/^word_//' | sort)
  portuguese=$(grep -o '^palavra_[a-z_]*' "$ROOT/scripts/manager/words.sh" | sed 's/^palavra_//' | sort)
  [ -n "$english" ]
  [ "$english" = "$portuguese" ]
}
