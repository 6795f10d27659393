"""What the real gateway process tells of a real call: a decision, a line, a row, numbers and spans."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cluster_ai.core.paths import Home
from cluster_ai.gateway.watching.logged import DecisionsView
from tests.fakes.fleet import Fleet
from tests.gateway.conftest import QUICK, ROOT, Answer, Gateway, serving
from tests.gateway.observing.collector import Collector, attributes, collecting
from tests.ports import free_base
from tests.waiting import until

pytestmark = pytest.mark.real

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class Seen:
    """A gateway, and where its records lie."""

    def __init__(self, gateway: Gateway, folder: Path, collector: Collector) -> None:
        self.gateway = gateway
        self.folder = folder
        self.collector = collector

    def inside(self, path: str) -> Answer:
        return self.gateway.ask("GET", path, authorization=f"Bearer {self.gateway.home.internal_secret()}")

    def line(self, request_id: str) -> dict[str, Any]:
        def find() -> dict[str, Any] | None:
            rows = (self.folder / "gateway.log").read_text().splitlines()
            found = [json.loads(row) for row in rows if row.startswith("{") and request_id in row]
            return next((row for row in found if row["event"] == "call"), None)

        return until(find, what="the call stands in the log")

    def row(self, request_id: str) -> sqlite3.Row:
        def find() -> sqlite3.Row | None:
            with closing(sqlite3.connect(self.gateway.home.database)) as connection:
                connection.row_factory = sqlite3.Row
                query = "SELECT * FROM gateway_requests WHERE request_id = ?"
                found: sqlite3.Row | None = connection.execute(query, (request_id,)).fetchone()
                return found

        return until(find, seconds=20, what="the call stands in the database", bears=(sqlite3.OperationalError,))

    def metric(self, start: str) -> float:
        text = self.gateway.ask("GET", "/metrics").body.decode()
        return sum(float(row.rpartition(" ")[2]) for row in text.splitlines() if row.startswith(start))


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("observed")
    with collecting() as collector, pytest.MonkeyPatch.context() as patch, Fleet(2) as fleet:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        with serving(folder, fleet, **QUICK) as gateway:
            gateway.settled(healthy=2)
            yield Seen(gateway, folder, collector)


def test_a_call_leaves_its_traces_everywhere(seen: Seen) -> None:
    answer = seen.gateway.ask(
        "POST", "/api/chat", {"model": "smollm2:135m", "messages": [{"role": "user", "content": "a secret question"}]},
        x_request_id="call-1", traceparent=CALLER,
    )  # fmt: skip
    assert answer.status == 200
    node = answer.headers["x-cluster-node"]

    line = seen.line("call-1")
    assert (line["node"], line["status"], line["outcome"], line["path"]) == (node, 200, "done", "/api/chat")
    assert 0 < line["ttft"] <= line["total"]
    assert line["output_tokens"] > 0

    row = seen.row("call-1")
    assert (row["node"], row["outcome"], row["why"]) == (node, "done", answer.headers["x-cluster-why"])
    assert row["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"

    labels = f'{{model="smollm2:135m",node="{node}"}}'
    assert seen.metric(f"cluster_ai_gateway_call_seconds_count{labels}") >= 1
    assert seen.metric("cluster_ai_gateway_tokens_total") > 0
    assert seen.metric("cluster_ai_gateway_inter_token_seconds_count") > 0

    spans = seen.collector.named
    until(lambda: spans("gateway.call"), what="the call's span reaches the collector")
    call = next(span for span in spans("gateway.call") if attributes(span)["cluster_ai.request_id"] == "call-1")
    assert call.trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert call.parent_span_id.hex() == "00f067aa0ba902b7"
    told = next(log.headers for one in seen.gateway.fleet.nodes for log in one.log() if log.path == "/api/chat")
    sent = {name.lower(): value for name, value in told.items()}["traceparent"]
    assert sent == f"00-{call.trace_id.hex()}-{call.span_id.hex()}-01", "what the node records hangs below ours"

    for place in ((seen.folder / "gateway.log").read_bytes(), seen.gateway.home.database.read_bytes()):
        assert b"secret question" not in place, "what people write is kept nowhere"


def test_why_a_node_was_chosen(seen: Seen) -> None:
    answer = seen.gateway.ask("POST", "/api/chat", {"model": "smollm2:135m", "messages": []}, x_request_id="call-2")
    (decision,) = DecisionsView.model_validate_json(seen.inside("/-/decisions?id=call-2").body).items
    assert decision.node == answer.headers["x-cluster-node"]
    assert {row.name for row in decision.candidates} == {"fake-0", "fake-1"}
    assert all(row.score for row in decision.candidates)
    assert seen.inside("/-/decisions?limit=1").json["items"][0]["request_id"] == "call-2"
    assert seen.inside("/-/decisions?id=nobody").json == {"items": []}
    assert seen.inside("/-/decisions?limit=many").status == 400
    assert seen.gateway.ask("GET", "/-/decisions").status == 401


def test_a_call_that_another_node_answered(seen: Seen) -> None:
    first, second = seen.gateway.fleet.nodes
    seen.gateway.settled(healthy=2)
    # Twice: on a kept connection the first death looks like an end that crossed the request, and is asked once more.
    first.set(die_before="rst", fault_times=2)
    second.set(die_before="rst", fault_times=0)
    for number in range(6):
        name = f"hop-{number}"
        answer = seen.gateway.ask("POST", "/api/chat", {"model": "smollm2:135m", "messages": []}, x_request_id=name)
        assert answer.status == 200
        if answer.headers["x-cluster-attempts"] == "2":
            break
    else:
        pytest.fail("the node that fails was never asked")
    line = seen.line(name)
    assert list(line["tried"]) == ["fake-0"]
    assert json.loads(seen.row(name)["tried"]) == line["tried"]
    assert seen.metric('cluster_ai_gateway_failed_attempts_total{node="fake-0"}') >= 1

    def failed() -> list[str]:
        return [attributes(span)["cluster_ai.node"] for span in seen.collector.named("attempt") if span.status.code]

    until(failed, what="the failed attempt reaches the collector")
    assert failed()[0] == "fake-0"
    first.set(die_before=None)


def test_a_model_that_nobody_has_is_told_of_but_makes_no_series(seen: Seen) -> None:
    answer = seen.gateway.ask("POST", "/api/chat", {"model": "made-up:1b"}, x_request_id="call-4")
    assert answer.status == 404
    line = seen.line("call-4")
    assert (line["outcome"], line["code"], line["status"]) == ("refused", "model_not_found", 404)
    text = seen.gateway.ask("GET", "/metrics").body.decode()
    assert "made-up" not in text
    assert 'outcome="refused"' in text


def test_chats_go_on_without_a_database(tmp_path: Path) -> None:
    with Fleet(1) as fleet:
        # A folder where the file should be: nothing can be opened there.
        Home(tmp_path / "home").database.mkdir(parents=True)
        with serving(tmp_path, fleet, **QUICK) as gateway:
            gateway.settled(healthy=1)
            assert gateway.chat().status == 200
            log = tmp_path / "gateway.log"
            until(lambda: "request log waits" in log.read_text(), what="it says that the log is not stored")
            assert gateway.chat().status == 200
        assert log.read_text().count("request log waits") == 1, "once, not for every call"


def test_the_end_stores_what_is_left(tmp_path: Path) -> None:
    with Fleet(1) as fleet:
        with serving(tmp_path, fleet, **QUICK) as gateway:
            gateway.settled(healthy=1)
            assert gateway.ask("POST", "/api/chat", {"model": "smollm2:135m"}, x_request_id="last").status == 200
        with closing(sqlite3.connect(gateway.home.database)) as connection:
            found = connection.execute("SELECT request_id FROM gateway_requests").fetchall()
    assert found == [("last",)]


def test_a_wrong_word_for_traces_is_refused_before_the_start(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make()
    env = {key: value for key, value in os.environ.items() if not key.startswith("CLUSTER_AI_")}
    env |= {"CLUSTER_AI_HOME": str(home.root), "CLUSTER_AI_PORT_BASE": str(free_base()), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "backend.serve", "gateway"],
        env=env | {"OTEL_TRACES_EXPORTER": "zipkin"}, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "OTEL_TRACES_EXPORTER=zipkin" in done.stderr
    assert "Traceback" not in done.stderr
