#!/usr/bin/env bats
# manager.sh over a real cluster: start, look, stop, and every refusal of a start.

setup_file() {
  load help
  own_cluster
}

setup() {
  load help
}

teardown_file() {
  "$ROOT/manager.sh" stop >/dev/null 2>&1 || true
}

@test "a taken port is named, exits 8, and leaves nothing running" {
  "$ROOT/.venv/bin/python" -c "
import socket, sys, time
with socket.create_server(('127.0.0.1', $CLUSTER_AI_PORT_BASE)): print('taken', flush=True); time.sleep(60)" 3>&- &
  local thief=$!
  sleep 0.5
  run "$MANAGER" start
  kill "$thief"
  [ "$status" -eq 8 ]
  [[ $output == *"$CLUSTER_AI_PORT_BASE (backend) is used by python"* ]]
  [ -z "$(left_over)" ]
}

@test "a data directory that is a file is refused" {
  touch "$BATS_TEST_TMPDIR/file"
  CLUSTER_AI_HOME=$BATS_TEST_TMPDIR/file run "$MANAGER" start
  [ "$status" -ne 0 ]
  [[ $output =~ "cannot be "(used|read) ]]
  [[ $output != *Traceback* ]]
}

@test "a full disk exits 9 with nothing running" {
  mkdir "$BATS_TEST_TMPDIR/small"
  run unshare -m sh -c "mount -t tmpfs -o size=20m none '$BATS_TEST_TMPDIR/small' &&
    CLUSTER_AI_HOME='$BATS_TEST_TMPDIR/small/home' '$MANAGER' start"
  [ "$status" -eq 9 ]
  [[ $output == *"MiB are free"* ]]
  [ -z "$(left_over)" ]
}

@test "status says that nothing runs" {
  run "$MANAGER" status
  [ "$status" -eq 5 ]
  [[ $output == *"manager.sh start"* ]]
}

@test "start ends when everything is healthy, and says where" {
  run "$MANAGER" start
  [ "$status" -eq 0 ]
  [[ $output == *"http://localhost:$CLUSTER_AI_PORT_BASE"* ]]
  [[ $output == *"curl"* ]]
  [[ $output == *"admin"* ]]
  run "$MANAGER" status --json
  [ "$status" -eq 0 ]
  echo "$output" | "$ROOT/.venv/bin/python" -c "
import json, sys
said = json.load(sys.stdin)
assert said['schema_version'] >= 1
assert said['ready'], said
assert {part['name'] for part in said['parts']} == {'scheduler', 'worker-0', 'node', 'gateway', 'backend'}"
}

@test "a second start says that it runs, and changes nothing" {
  before=$(pids)
  [ -n "$before" ]
  run "$MANAGER" start
  [ "$status" -eq 0 ]
  [[ $output == *"runs"* ]]
  [ "$(pids)" = "$before" ]
}

@test "it works through a link, from another folder" {
  ln -s "$MANAGER" "$BATS_TEST_TMPDIR/link"
  cd /
  run "$BATS_TEST_TMPDIR/link" status
  [ "$status" -eq 0 ]
  [[ $output == *gateway* ]]
}

@test "logs of one part" {
  run "$MANAGER" logs gateway
  [ "$status" -eq 0 ]
  run "$MANAGER" logs no-such-part
  [ "$status" -eq 3 ]
  [[ $output == *scheduler* ]]
}

@test "diag finds a healthy cluster healthy" {
  run "$MANAGER" diag
  [ "$status" -eq 0 ]
}

@test "an unknown verb is a usage error" {
  run "$MANAGER" frobnicate
  [ "$status" -eq 2 ]
  [[ $output != *Traceback* ]]
}

@test "the menu, piped, prints the command and runs it" {
  run bash -c "printf '1\n4\nq\n' | '$MANAGER'"
  [ "$status" -eq 0 ]
  [[ $output == *'$ ./manager.sh status'* ]]
  [[ $output == *gateway* ]]
  run bash -c "printf 'x\n' | '$MANAGER'"
  [ "$status" -eq 2 ]
}

@test "the menu asks for a word, and takes no option for one" {
  run bash -c "printf '3\n7\nnone:1b\nq\n' | '$MANAGER'"
  [ "$status" -eq 3 ]
  [[ $output == *'$ ./manager.sh model show none:1b'* ]]
  run bash -c "printf '3\n7\n--help\nq\n' | '$MANAGER'"
  [[ $output != *'$ ./manager.sh model show'* ]]
}

@test "the menu, piped, reaches what stands below the ninth entry" {
  run bash -c "printf '2\n14\nq\n' | '$MANAGER'"
  [ "$status" -eq 0 ]
  [[ $output == *'$ ./manager.sh ha'* ]]
  [[ $output == *'This head leads.'* ]]
  run bash -c "printf '2\n15\nq\n' | '$MANAGER'"
  [ "$status" -eq 2 ]
}

@test "one line says how the cluster is" {
  run "$MANAGER" status --line
  [ "$status" -eq 0 ]
  [[ $output == "home · 1 of 1 nodes up · 5 of 5 parts ready" ]]
}

@test "the menu of a terminal asks before it stops everything" {
  run bash -c "printf '12nq' | script -qec '$MANAGER' /dev/null"
  [[ $output == *'y / N'* ]]
  [[ $output != *'$ ./manager.sh stop'* ]]
  [ -n "$(pids)" ]
}

@test "the menu speaks Portuguese" {
  CLUSTER_AI_LANG=pt-BR run bash -c "printf 'q\n' | '$MANAGER'"
  [[ $output == *Manutenção* ]]
}

@test "restart replaces every process and comes back" {
  before=$(pids)
  run "$MANAGER" restart
  [ "$status" -eq 0 ]
  after=$(pids)
  [ -n "$after" ]
  [ -z "$(comm -12 <(echo "$before") <(echo "$after"))" ]
}

@test "a backup is restored over a cluster that is stopped for it, and for a good one alone" {
  run "$MANAGER" backup create
  [ "$status" -eq 0 ]
  local file=${lines[${#lines[@]} - 1]} before
  before=$(pids)
  head -c 1000 "$file" >"$BATS_TEST_TMPDIR/cut"
  run "$MANAGER" backup restore "$BATS_TEST_TMPDIR/cut" --stop --yes
  [ "$status" -ne 0 ]
  [[ $output == *backup_truncated* ]]
  [ "$(pids)" = "$before" ]
  run "$MANAGER" backup restore "$file" --stop --yes
  [ "$status" -eq 0 ]
  [ -z "$(left_over)" ]
  run "$MANAGER" start
  [ "$status" -eq 0 ]
  run "$MANAGER" auth whoami
  [ "$status" -eq 0 ]
}

@test "stop leaves no process" {
  run "$MANAGER" stop
  [ "$status" -eq 0 ]
  [ -z "$(left_over)" ]
  run "$MANAGER" stop
  [ "$status" -eq 0 ]
}

@test "a start that is killed half-way leaves nothing in the way of the next" {
  local lock=$CLUSTER_AI_HOME/run/supervisor.lock before='' now='' starting
  # The one that was stopped left its number there.
  before=$(cat "$lock" 2>/dev/null) || true
  "$MANAGER" start >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
  starting=$!
  for _ in $(seq 300); do
    now=$(cat "$lock" 2>/dev/null) || true
    [ -n "$now" ] && [ "$now" != "$before" ] && kill -0 "$now" && break
    sleep 0.1
  done
  sleep 1
  kill -9 "$now" || { cat "$BATS_TEST_TMPDIR/said" && false; }
  wait "$starting" || true
  run "$MANAGER" start
  [ "$status" -eq 0 ]
  run "$MANAGER" stop
  [ "$status" -eq 0 ]
  [ -z "$(left_over)" ]
}
