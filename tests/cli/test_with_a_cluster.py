"""The verbs on a running cluster that is found by its data directory alone."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.cli.calling import ROOT, cli, environment, read_until, screen
from tests.cli.conftest import Cluster
from tests.waiting import until

pytestmark = [pytest.mark.real]

PARTS = {"scheduler", "worker-0", "gateway", "backend"}


def read(done: subprocess.CompletedProcess[str]) -> dict:
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["schema_version"] == 1
    return said


def place_of(cluster: Cluster) -> httpx2.Client:
    """The API, as this machine's own programs reach it."""
    secret = (cluster.home / "secrets/internal.token").read_text().strip()
    return httpx2.Client(
        base_url=f"http://127.0.0.1:{cluster.base}", headers={"Authorization": f"Bearer {secret}"}, trust_env=False
    )


def test_up_says_where_it_is_and_the_password_once(cluster: Cluster) -> None:
    assert cluster.started.returncode == 0, cluster.started.stderr
    out = cluster.started.stdout
    assert f"http://localhost:{cluster.base}" in out
    assert f"http://localhost:{cluster.base + 1}" in out
    assert "admin" in out
    assert not (cluster.home / "secrets/first-password").exists()
    for part in PARTS:
        assert any(part in line and "ready" in line for line in cluster.started.stderr.splitlines())
    again = cluster.cli("up", "--detach")
    assert again.returncode == 0
    assert "runs already" in again.stderr
    assert "diag" not in again.stderr, "it was asked on the ports it runs on, and all is well"
    assert "admin" not in again.stdout
    assert f"http://localhost:{cluster.base}" in again.stdout


def test_status(cluster: Cluster) -> None:
    said = read(cluster.cli("status", "--json"))
    assert said["ready"] is True
    assert {part["name"] for part in said["parts"]} >= PARTS
    shown = cluster.cli("status")
    assert shown.returncode == 0
    assert all(part in shown.stdout for part in PARTS)


def test_ps_shows_every_process_under_its_part(cluster: Cluster) -> None:
    rows = read(cluster.cli("ps", "--json"))["items"]
    assert {row["part"] for row in rows} >= PARTS | {"supervisor"}
    assert all(row["memory"] > 0 and row["command"] for row in rows)


def test_nodes_and_models(cluster: Cluster) -> None:
    [node] = read(cluster.cli("node", "ls", "--json"))["items"]
    assert (node["name"], node["state"]) == ("fake", "healthy")
    assert read(cluster.cli("node", "show", "fake", "--json"))["name"] == "fake"
    models = read(cluster.cli("model", "ls", "--json"))["items"]
    assert models
    name = models[0]["name"]
    assert read(cluster.cli("model", "show", name, "--json"))["nodes"] == ["fake"]
    assert name in cluster.cli("model", "ls").stdout
    missing = cluster.cli("node", "show", "nobody")
    assert (missing.returncode, missing.stdout) == (3, "")


def test_workers_and_jobs(cluster: Cluster) -> None:
    counted = read(cluster.cli("run-example", "words", "examples/texts", "--json"))
    assert counted["words"] == sum(counted["shares"].values()) > 100
    workers = read(cluster.cli("compute", "workers", "--json"))
    assert [worker["name"] for worker in workers["items"]] == ["worker-0"]
    end = time.monotonic() + 15
    while not any(task["prefix"] == "count_words" for task in read(cluster.cli("compute", "jobs", "--json"))["items"]):
        assert time.monotonic() < end


def test_run_chat_and_embed(cluster: Cluster) -> None:
    model = read(cluster.cli("model", "ls", "--json"))["items"][0]["name"]
    models = [row["name"] for row in read(cluster.cli("model", "ls", "--json"))["items"]]
    chatting = next((name for name in models if "embed" not in name and "minilm" not in name), model)
    embedding = next((name for name in models if "embed" in name or "minilm" in name), model)
    said = cluster.cli("run", chatting, "Hello there", "-o", "temperature=0")
    assert said.returncode == 0, said.stderr
    assert said.stdout.strip()
    whole = read(cluster.cli("run", chatting, "--json", stdin="from a pipe"))
    assert whole["answer"].strip()
    assert whole["node"] == "fake"
    talk = cluster.cli("chat", chatting, stdin="one\ntwo\n/bye\nthree\n")
    assert talk.returncode == 0
    assert len(talk.stdout.strip().splitlines()) >= 2
    vectors = read(cluster.cli("embed", embedding, "a", "b", "--json"))["items"]
    assert [item["text"] for item in vectors] == ["a", "b"]
    assert all(len(item["embedding"]) > 1 for item in vectors)
    unknown = cluster.cli("run", "no-such-model", "hello")
    assert (unknown.returncode, unknown.stdout) == (3, "")


def test_map_writes_what_it_is_answered(cluster: Cluster, tmp_path: Path) -> None:
    models = [row["name"] for row in read(cluster.cli("model", "ls", "--json"))["items"]]
    chatting = next(name for name in models if "embed" not in name and "minilm" not in name)
    (tmp_path / "in.txt").write_text("a\nb\nc\n")
    words = ("map", "--input", str(tmp_path / "in.txt"), "--output", str(tmp_path / "out.jsonl"), "--model", chatting)
    first = read(cluster.cli(*words, "--prompt", "Say {line}", "--json"))
    assert (first["answered"], first["partial"], first["resumed"]) == (3, False, 0)
    again = read(cluster.cli(*words, "--prompt", "Say {line}", "--json"))
    assert again["resumed"] == 3
    other = cluster.cli(*words, "--prompt", "Sing {line}")
    assert (other.returncode, other.stdout) == (1, "")
    nowhere = cluster.cli(*words, "--prompt", "Say it")
    assert nowhere.returncode == 2
    missing = cluster.cli(
        "map", "--input", "/no/file", "--output", str(tmp_path / "o"), "--model", "m", "--prompt", "{line}"
    )
    assert missing.returncode == 3


def test_a_part_is_restarted(cluster: Cluster) -> None:
    def pid() -> int:
        return next(part["pid"] for part in read(cluster.cli("status", "--json"))["parts"] if part["name"] == "gateway")

    before = pid()
    done = cluster.cli("restart", "gateway")
    assert done.returncode == 0, done.stderr
    assert pid() != before
    unknown = cluster.cli("restart", "nobody")
    assert unknown.returncode == 3
    assert "gateway" in unknown.stderr


def test_logs_of_one_and_of_all(cluster: Cluster) -> None:
    one = cluster.cli("logs", "gateway", "-n", "3")
    assert one.returncode == 0
    assert 1 <= len(one.stdout.splitlines()) <= 3
    everything = cluster.cli("logs", "-n", "1").stdout
    assert {line.split(" ")[0] for line in everything.splitlines()} >= PARTS
    unknown = cluster.cli("logs", "nobody")
    assert unknown.returncode == 3
    assert "scheduler" in unknown.stderr


def test_logs_follow_until_interrupted(cluster: Cluster) -> None:
    follower = subprocess.Popen(
        [sys.executable, "-m", "cluster_ai.cli.main", "logs", "-f", "gateway", "-n", "1"],
        cwd=ROOT, env=cluster.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert follower.stdout
    assert follower.stdout.readline()
    with (cluster.home / "logs/gateway.log").open("a") as log:
        log.write("a line from here\n")
    assert follower.stdout.readline() == "a line from here\n"
    follower.send_signal(signal.SIGINT)
    _, said = follower.communicate(timeout=10)
    assert follower.returncode == 130
    assert "Traceback" not in said


def test_events_are_followed(cluster: Cluster) -> None:
    done = cluster.cli("events", "--topic", "overview", "--count", "2", "--json")
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first["topic"] == "overview"
    assert second["number"] > first["number"]


def test_diag_finds_nothing_wrong_and_then_what_is(cluster: Cluster) -> None:
    def diag() -> tuple[int, dict[str, str]]:
        done = cluster.cli("diag", "--json")
        return done.returncode, {check["id"]: check["verdict"] for check in json.loads(done.stdout)["checks"]}

    end = time.monotonic() + 20
    while (found := diag())[0] != 0:
        assert time.monotonic() < end, found
    checks = found[1]
    assert "problem" not in checks.values()
    assert {f"part.{part}" for part in PARTS} | {"api", "models", "disk", "home", "supervisor"} <= checks.keys()
    scheduler = next(
        part["pid"] for part in read(cluster.cli("status", "--json"))["parts"] if part["name"] == "scheduler"
    )
    os.kill(scheduler, signal.SIGSTOP)
    try:
        end = time.monotonic() + 30
        while (found := diag())[0] != 7:
            assert time.monotonic() < end
        checks = found[1]
        assert {"ready.scheduler", "part.scheduler"} & {
            name for name, verdict in checks.items() if verdict == "problem"
        }
        text = cluster.cli("diag")
        assert "scheduler" in text.stdout
    finally:
        os.kill(scheduler, signal.SIGCONT)


def test_the_password_is_set_from_a_pipe_or_a_file(cluster: Cluster, tmp_path: Path) -> None:
    assert cluster.cli("auth", "set-password", stdin="a long enough sentence\n").returncode == 0
    (tmp_path / "password").write_text("another long sentence\r\nnot this\n")
    assert cluster.cli("auth", "set-password", "--file", str(tmp_path / "password")).returncode == 0
    weak = cluster.cli("auth", "set-password", stdin="12345\n")
    assert weak.returncode == 6, weak.stderr
    assert cluster.cli("auth", "set-password", stdin="\n").returncode == 2
    assert cluster.cli("auth", "set-password", "--file", "/no/such").returncode == 2
    assert "admin" in cluster.cli("auth", "whoami").stdout


def test_a_model_is_pulled_and_removed_by_name_only(cluster: Cluster) -> None:
    pulled = cluster.cli("model", "pull", "tiny:1b")
    assert pulled.returncode == 0, pulled.stderr
    end = time.monotonic() + 15
    while "tiny:1b" not in cluster.cli("model", "ls").stdout:
        assert time.monotonic() < end
    assert cluster.cli("model", "rm", "tiny:1b").returncode == 2, "nobody is there to ask"
    removed = cluster.cli("model", "rm", "tiny:1b", "--yes")
    assert removed.returncode == 0, removed.stderr
    while "tiny:1b" in cluster.cli("model", "ls").stdout:
        assert time.monotonic() < end


CLI = [sys.executable, "-m", "cluster_ai.cli.main"]


def on_a_terminal(cluster: Cluster, *words: str, talk: list[tuple[str, str]]) -> tuple[int, str]:
    """Starts a verb on a terminal and types each answer when its question shows; exit code and all that was shown."""
    env = {**cluster.env, "TERM": "xterm", "NO_COLOR": "1"}
    (first, answer), *rest = talk
    process, master, seen = screen([*CLI, *words], env, until=first)
    os.write(master, answer.encode())
    for question, reply in rest:
        seen += read_until(master, question)
        os.write(master, reply.encode())
    seen += read_until(master, None)
    os.close(master)
    return process.wait(timeout=10), seen


def test_a_chat_on_a_terminal_says_who_answered(cluster: Cluster) -> None:
    code, seen = on_a_terminal(cluster, "chat", talk=[("/bye", "hello\n/bye\n")])
    assert code == 0, seen
    assert "fake" in seen


def test_an_error_does_not_end_a_chat_on_a_terminal(cluster: Cluster) -> None:
    code, seen = on_a_terminal(cluster, "chat", "no-such-model", talk=[("/bye", "hello\n/bye\n")])
    assert code == 0, seen
    assert "model_not_found" in seen


def test_a_removal_wants_the_name_typed(cluster: Cluster) -> None:
    model = read(cluster.cli("model", "ls", "--json"))["items"][0]["name"]
    code, seen = on_a_terminal(cluster, "model", "rm", model, talk=[("remove it", "yes\n")])
    assert code == 1, seen
    assert model in cluster.cli("model", "ls").stdout


def test_a_password_is_typed_twice_and_unseen(cluster: Cluster) -> None:
    talk = [("New password", "one long enough phrase\n"), ("Once more", "another phrase\n")]
    code, seen = on_a_terminal(cluster, "auth", "set-password", talk=talk)
    assert code == 2, seen
    assert "not the same" in seen
    assert "phrase" not in seen


def test_lines_for_curl_get_an_answer(cluster: Cluster) -> None:
    lines = cluster.cli("gateway", "snippet", "curl")
    assert lines.returncode == 0, lines.stderr
    assert "key create" in lines.stderr
    secret = read(cluster.cli("key", "create", "of-the-lines", "--json"))["secret"]
    command = ["bash", "-c", f"{lines.stdout.rstrip().replace('cai_...', secret)} -sS --fail"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, (lines.stdout, done.stderr)
    assert json.loads(done.stdout)["choices"]


def test_other_words_for_one_thing_are_understood(cluster: Cluster) -> None:
    assert cluster.cli("slo", "add", "kept", "--target", "99").returncode == 0
    assert "kept" in cluster.cli("slo", "ls").stdout
    assert cluster.cli("slo", "rm", "kept", "--yes").returncode == 0
    assert "kept" not in cluster.cli("slo", "list").stdout


def test_a_ticket_waits_for_a_yes_and_then_is_done(cluster: Cluster) -> None:
    models = [row["name"] for row in read(cluster.cli("model", "ls", "--json"))["items"]]
    chatting = next(name for name in models if "embed" not in name and "minilm" not in name)
    parameters = ("-p", f"model={chatting}", "-p", "prompt=Say hello")
    made = cluster.cli("ticket", "create", "greeting", "--type", "infer", *parameters, "--approval")
    assert made.returncode == 0, made.stderr
    ticket_id = made.stdout.strip()

    def ticket() -> dict:
        return read(cluster.cli("ticket", "show", ticket_id, "--json"))

    held = until(lambda: (found := ticket())["status"] == "frozen" and found, seconds=30, what="it is held")
    assert (held["error_code"], held["attempt"]) == ("approval", 0)
    assert cluster.cli("ticket", "approve", "greeting").returncode == 0
    waited = cluster.cli("plan", "wait", held["plan_id"])
    assert waited.returncode == 0, waited.stderr
    assert ticket()["result"]
    at_once = cluster.cli("ticket", "create", "again", "--type", "INFER", *parameters, "--wait", "--json")
    assert read(at_once)["status"] == "succeeded"


def test_a_plan_is_run_to_its_end(cluster: Cluster, tmp_path: Path) -> None:
    models = [row["name"] for row in read(cluster.cli("model", "ls", "--json"))["items"]]
    chatting = next(name for name in models if "embed" not in name and "minilm" not in name)
    asked = {"id": "a", "type": "INFER", "parameters": {"model": chatting, "prompt": "hello"}}
    (tmp_path / "plan.json").write_text(json.dumps({"tickets": [asked]}))
    done = read(cluster.cli("plan", "run", str(tmp_path / "plan.json"), "--key", "run", "--json"))
    assert (done["status"], done["succeeded"]) == ("succeeded", 1)
    again = cluster.cli("plan", "run", str(tmp_path / "plan.json"), "--key", "run")
    assert (again.returncode, again.stdout.strip()) == (0, done["plan_id"]), again.stderr


def test_which_head_leads_is_told(cluster: Cluster) -> None:
    term = read(cluster.cli("ha", "--json"))
    assert (term["leads"], term["mode"], term["holder"]) == (True, "solo", term["head"])
    shown = cluster.cli("ha")
    assert (shown.returncode, term["holder"] in shown.stdout) == (0, True)
    assert "leads" in shown.stderr


def test_a_machine_joins_by_either_word(tmp_path: Path) -> None:
    env = environment(tmp_path / "home")
    ways = [cli(noun, "join", env=env, stdin="no line\n") for noun in ("node", "agent")]
    assert [way.returncode for way in ways] == [2, 2]
    assert ways[0].stderr == ways[1].stderr


def test_metrics_of_every_part_are_told(cluster: Cluster) -> None:
    rows = read(cluster.cli("metrics", "build_info", "--json"))["items"]
    assert {row["part"]: row["labels"]["component"] for row in rows} == {"backend": "backend", "gateway": "gateway"}


def test_a_setting_is_changed_and_taken_up_while_the_cluster_serves(cluster: Cluster) -> None:
    text = (cluster.home / "config.toml").read_text()
    done = cluster.cli("config", "set", "gateway.queue_length", "77")
    assert done.returncode == 0, done.stderr
    assert "cluster-ai reload" in done.stderr
    assert cluster.cli("config", "get", "gateway.queue_length").stdout == "77\n"
    assert "queue_length" in read(cluster.cli("reload", "--json"))["items"][0]["settings"]
    # The API does the same, and asks the gateway by itself.
    with place_of(cluster) as client:
        answer = client.patch("/api/v1/settings", json={"changes": {"gateway.queue_length": 78}})
        assert answer.status_code == 200, answer.text
    assert read(cluster.cli("reload", "--json"))["items"][0]["settings"] == [], "it has it already"
    assert cluster.cli("config", "set", "gateway.queue_length", "-1").returncode == 2
    assert read(cluster.cli("config", "unset", "gateway.queue_length", "--json")) == {
        "schema_version": 1, "changed": True,
        "items": [{"name": "gateway.queue_length", "taken_up": "reload"}],
    }  # fmt: skip
    assert (cluster.home / "config.toml").read_text() == text


def test_restart_keeps_the_ports_and_down_leaves_nothing(cluster: Cluster) -> None:
    before = {row["pid"] for row in read(cluster.cli("ps", "--json"))["items"]}
    done = cluster.cli("restart", timeout=100)
    assert done.returncode == 0, done.stderr
    assert f"http://localhost:{cluster.base}" in done.stdout
    now = {row["pid"] for row in read(cluster.cli("ps", "--json"))["items"]}
    assert not before & now
    assert cluster.cli("down").returncode == 0
    assert not [pid for pid in now if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]
    assert cluster.cli("status").returncode == 5
    assert cluster.cli("down").returncode == 0
    assert not (cluster.home / "run/port-base").exists()
