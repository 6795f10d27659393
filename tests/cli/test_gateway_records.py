"""``cluster-ai gateway``: why a call went where it went, on a terminal of 80 columns and through a pipe."""

import fcntl
import json
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2
import pytest

from backend.dispatching.following import the_dispatching
from cluster_ai.gateway.served import Outcome
from cluster_ai.gateway.types import CandidateView, DecisionView
from cluster_ai.gateway.watching.logged import row_of
from cluster_ai.plans.healing import Finding
from tests.backend.running import Api, running_api
from tests.backend.world import INTERNAL
from tests.cli.calling import ROOT, cli, environment, read_until
from tests.cli.conftest import Cluster
from tests.gateway.observing.calls import served
from tests.waiting import until

pytestmark = [pytest.mark.real]

PARTS = (*("wait", "load", "evict", "prefill", "decode", "forget", "reserve", "unproven", "crowd", "trouble", "doubt"),)
KNOWN = "0192aaaa-bbbb-7ccc-8ddd-eeeeffff0001"
REFUSED = "0192aaaa-bbbb-7ccc-8ddd-eeeeffff0003"
OLD = "0192aaaa-bbbb-7ccc-8ddd-eeeeffff0002"


def candidate(name: str, *values: float) -> CandidateView:
    return CandidateView(name=name, why=f"{name} is cold", score=dict(zip(PARTS, values, strict=True)))


@dataclass(frozen=True)
class Asked:
    api: Api
    env: dict[str, str]

    def cli(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return cli("gateway", *words, env=self.env | more)

    def on_terminal(self, *words: str, columns: int = 80) -> list[str]:
        """The lines that a terminal of that width shows."""
        import os
        import pty

        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        env = {key: value for key, value in self.env.items() if key not in {"COLUMNS", "LINES"}} | {"NO_COLOR": "1"}
        command = [sys.executable, "-m", "cluster_ai.cli.main", "gateway", *words]
        with subprocess.Popen(command, cwd=ROOT, env=env, stdin=slave, stdout=slave, stderr=slave) as process:
            os.close(slave)
            shown = read_until(master, None)
            os.close(master)
            assert process.wait(timeout=30) == 0, shown
        return shown.replace("\r", "").splitlines()


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    nodes = [candidate(f"node-{number}", 0.0, 2.5, 0.0, 0.41, 1.2, *6 * [0.0]) for number in range(1, 9)]
    first = DecisionView(
        request_id=KNOWN, age_seconds=12.0, model="smollm2:135m", node="node-0", tried={"node-9": "connection refused"},
        candidates=(CandidateView(name="node-0", why="resident, 0 in flight", score={"prefill": 0.41}), *nodes),
    )  # fmt: skip
    with running_api(tmp_path_factory.mktemp("why") / "home", dispatching=True) as api:
        api.home.internal_token.write_text(INTERNAL)
        api.home.internal_token.chmod(0o600)
        api.world.gateway = api.world.gateway.model_copy(update={"decisions": (first,)})
        calls = [served(request_id=name, at=time.time() - 60, tried={"n0": "reset"}) for name in (OLD, KNOWN)]
        refusal = {"outcome": Outcome.REFUSED, "status": 404, "code": "model_not_found", "node": "", "why": ""}
        calls.insert(0, served(request_id=REFUSED, at=time.time() - 90, attempts=0, **refusal))
        api.served.run(api.plane.rooms.requests.add([row_of(call) for call in calls]))
        yield Asked(api, environment(api.home.root, CLUSTER_AI_PORTS__BACKEND=str(api.port)))


def test_why_shows_each_part_of_each_candidate(asked: Asked) -> None:
    done = asked.cli("why", KNOWN)
    assert done.returncode == 0, done.stderr
    assert "sent to node-0: resident, 0 in flight" in done.stdout
    rows = {line.split("  ")[0]: line for line in done.stdout.splitlines()}
    assert rows["loading"].split()[1:] == ["-", *["2.500"] * 8]
    assert rows["total"].split()[1:] == ["0.410", *["4.110"] * 8]
    assert "node-9: connection refused" in done.stdout
    assert "node-3: node-3 is cold" in done.stdout
    assert "1.50 s" in done.stdout, "what became of it, from the request log"


def test_why_of_the_last_call(asked: Asked) -> None:
    done = asked.cli("why")
    assert done.returncode == 0, done.stderr
    assert "sent to node-0: resident, 0 in flight" in done.stdout
    before, asked.api.world.gateway = (
        asked.api.world.gateway,
        asked.api.world.gateway.model_copy(update={"decisions": ()}),
    )
    nothing = asked.cli("why")
    asked.api.world.gateway = before
    assert (nothing.returncode, nothing.stdout) == (3, "")
    assert "no call was sent to a node" in nothing.stderr


def test_why_fits_a_small_terminal(asked: Asked) -> None:
    lines = asked.on_terminal("why", KNOWN)
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith("reading the prompt") for line in lines) >= 2, "in blocks, one below the other"
    shown = "\n".join(lines)
    assert all(f"node-{number}" in shown for number in range(10))


def test_why_in_portuguese(asked: Asked) -> None:
    done = asked.cli("why", KNOWN, CLUSTER_AI_LANG="pt-BR")
    assert "enviada a node-0" in done.stdout
    assert "ler o prompt" in done.stdout


def test_a_request_that_is_too_old_for_scores(asked: Asked) -> None:
    done = asked.cli("why", OLD)
    assert done.returncode == 0, done.stderr
    assert "last 512 decisions" in done.stderr
    assert "resident, 0 in flight" in done.stdout
    assert "n0: reset" in done.stdout


def test_a_refused_call_says_that_it_was_refused_and_why(asked: Asked) -> None:
    done = asked.cli("why", REFUSED)
    assert done.returncode == 0, done.stderr
    assert "Refused (model_not_found): No node of the cluster has that model." in done.stdout
    assert "scores" not in done.stderr
    assert "Recusada (model_not_found)" in asked.cli("why", REFUSED, CLUSTER_AI_LANG="pt-BR").stdout
    assert "model_not_found" in asked.cli("log").stdout


def test_a_request_that_nobody_knows(asked: Asked) -> None:
    done = asked.cli("why", "nobody-knows-me")
    assert done.returncode not in {0, 2}
    assert "decision_forgotten" in done.stderr
    assert not done.stdout


def test_why_as_json(asked: Asked) -> None:
    said = json.loads(asked.cli("why", KNOWN, "--json").stdout)
    assert said["decision"]["candidates"][1]["score"]["load"] == 2.5
    assert said["request"]["outcome"] == "done"
    assert json.loads(asked.cli("why", OLD, "--json").stdout)["decision"] is None


def test_lists_keep_the_id_whole_on_a_small_terminal(asked: Asked) -> None:
    for verb in ("decisions", "log"):
        lines = asked.on_terminal(verb)
        assert max(map(len, lines)) <= 80, lines
        assert any(line.endswith(KNOWN) for line in lines), lines


def test_the_log_is_filtered(asked: Asked) -> None:
    assert len(json.loads(asked.cli("log", "--json").stdout)["items"]) == 3
    assert json.loads(asked.cli("log", "--node", "nowhere", "--json").stdout)["items"] == []
    assert json.loads(asked.cli("log", "--limit", "1", "--json").stdout)["items"][0]["request_id"] == KNOWN
    assert asked.cli("log", "--outcome", "strange").returncode == 2


def test_nothing_that_a_client_wrote_moves_the_cursor(asked: Asked) -> None:
    nasty = served(request_id="nasty", model="\x1b[2Jm", caller="\x1b]0;x\x07", at=time.time())
    asked.api.served.run(asked.api.plane.rooms.requests.add([row_of(nasty)]))
    for words in (("log",), ("why", "nasty")):
        shown = "\n".join(asked.on_terminal(*words, columns=200))
        assert "\x1b[2J" not in shown
        assert "\x07" not in shown
    asked.api.served.run(forget(asked.api))


async def forget(api: Api) -> None:
    async with api.plane.rooms.requests._database.transaction() as connection:
        from sqlalchemy import text

        await connection.execute(text("DELETE FROM gateway_requests WHERE request_id = 'nasty'"))


def test_why_on_a_cluster_of_real_parts(cluster: Cluster) -> None:
    body = {"model": "smollm2:135m", "messages": [{"role": "user", "content": "hi"}], "stream": False}
    url = f"http://127.0.0.1:{cluster.base + 1}/api/chat"
    answer = httpx2.post(url, json=body, headers={"X-Request-Id": "seen-by-all"}, timeout=30, trust_env=False)
    assert answer.status_code == 200, answer.text
    done = cluster.cli("gateway", "why", "seen-by-all")
    assert done.returncode == 0, done.stderr
    assert f"sent to fake: {answer.headers['x-cluster-why']}" in done.stdout
    assert "Only fake could be asked" in done.stdout
    assert ("SECONDS" in done.stdout) == ("reading the prompt" in done.stdout), "no table without parts"
    assert "seen-by-all" in cluster.cli("gateway", "decisions").stdout
    until(lambda: "seen-by-all" in cluster.cli("gateway", "log").stdout, seconds=20, what="the log has it, too")
    again = cluster.cli("gateway", "why", "seen-by-all")
    assert "200" in again.stdout
    assert all(f"\n{head}" in again.stdout for head in ("QUEUE", "LOADING", "TTFT", "TOTAL")), "what it took"


def test_status_names_each_node_and_its_breaker(asked: Asked) -> None:
    done = asked.cli("status", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["schema_version"] == 1
    assert told["nodes"]
    shown = asked.cli("status").stdout
    for node in told["nodes"]:
        (row,) = (line for line in shown.splitlines() if line.startswith(node["name"]))
        assert node["breaker"].replace("_", "-") in row
    assert max(map(len, asked.on_terminal("status"))) <= 80
    assert "DISJUNTOR" in asked.cli("status", CLUSTER_AI_LANG="pt-BR").stdout


def test_alerts_gather_what_is_wrong_and_end_with_7(asked: Asked) -> None:
    found = Finding("integrity", "ticket-7", "its seal does not fit")
    asked.api.served.run(the_dispatching(asked.api.plane).incidents.found(found, now=time.time() - 90))
    done = cli("alerts", env=asked.env)
    assert done.returncode == 7, done.stderr
    (row,) = (line for line in done.stdout.splitlines() if "ticket-7" in line)
    assert "integrity: its seal does not fit" in row
    told = json.loads(cli("alerts", "--json", env=asked.env).stdout)
    assert "ticket-7" in [one["subject"] for one in told["incidents"]], "a busy box adds some of its own"
    assert "incidente" in cli("alerts", env=asked.env | {"CLUSTER_AI_LANG": "pt-BR"}).stdout
