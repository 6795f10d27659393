#!/usr/bin/env bats
# What the whole check makes of tests that fail: red twice is red, a few that are green alone are told.

setup() {
  load help
  TREE=$BATS_TEST_TMPDIR/tree
  mkdir -p "$TREE/scripts/test" "$TREE/.venv/bin"
  cp "$ROOT/scripts/test/run.sh" "$TREE/scripts/test/"
  # Stands for pytest: the first call fails the tests of FAIL, a later one (by their names) ends with AGAIN.
  cat >"$TREE/.venv/bin/pytest" <<'END'
#!/bin/sh
echo "$@" >>calls
case $* in
  *::*) exit "$AGAIN" ;;
  *) mkdir -p .pytest_cache/unit/v/cache && printf '%s' "$FAIL" >.pytest_cache/unit/v/cache/lastfailed && exit "$CODE" ;;
esac
END
  chmod +x "$TREE/.venv/bin/pytest"
  export FAIL='{"tests/a.py::test_one[x y]": true, "tests/b.py::test_two": true}' AGAIN=0 CODE=1
}

@test "a few that are green alone count, and are named" {
  run "$TREE/scripts/test/run.sh" unit
  [ "$status" -eq 0 ]
  [[ $output == *"ok, with 2 red until alone"*"tests/a.py::test_one[x y]"*"tests/b.py::test_two"*green* ]]
  grep -q -- '-p no:xdist tests/a.py::test_one\[x y\] tests/b.py::test_two' "$TREE/calls"
}

@test "red twice is red" {
  AGAIN=1 run "$TREE/scripts/test/run.sh" unit
  [ "$status" -eq 1 ]
  [[ $output == *"RED (1)"* ]]
}

@test "more than a few are no chance" {
  FAIL='{"a::1": true, "a::2": true, "a::3": true, "a::4": true}' run "$TREE/scripts/test/run.sh" unit
  [ "$status" -eq 1 ]
  [ "$(wc -l <"$TREE/calls")" -eq 1 ]
}

@test "a run that broke off is no chance either" {
  CODE=3 run "$TREE/scripts/test/run.sh" unit
  [ "$status" -eq 1 ]
  [ "$(wc -l <"$TREE/calls")" -eq 1 ]
}

@test "what is green is asked once" {
  CODE=0 run "$TREE/scripts/test/run.sh" unit
  [ "$status" -eq 0 ]
  [ "$(wc -l <"$TREE/calls")" -eq 1 ]
}
