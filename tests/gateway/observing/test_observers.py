"""A call pays for a place in a queue; whoever watches sees it a moment later, whole and once."""

import asyncio
import contextlib
import io
import json
import logging
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from cluster_ai.gateway.served import Outcome, Served
from cluster_ai.gateway.types import GatewaySettings, Watched
from cluster_ai.gateway.watching.access_log import access_log
from cluster_ai.gateway.watching.observers import Observing, Pump
from cluster_ai.gateway.watching.request_store import open_store
from tests.gateway.observing.calls import served


@pytest.fixture(autouse=True)
def logs_all() -> None:
    logging.getLogger().setLevel(logging.INFO)


def test_calls_are_handed_on_in_order_and_some_at_a_time() -> None:
    seen: list[int] = []

    def sink(calls: Sequence[Served]) -> None:
        seen.append(len(calls))

    async def work() -> None:
        pump, breaths = Pump({"one": sink}), 0
        for number in range(100):
            pump.take(served(request_id=str(number)))
        draining = asyncio.create_task(pump.drain())
        while not draining.done():
            await asyncio.sleep(0)
            breaths += 1
        assert breaths >= 4, "streams go on between two batches"

    asyncio.run(work())
    assert seen == [32, 32, 32, 4]


def test_a_queue_that_is_full_drops_the_oldest_and_says_so() -> None:
    seen: list[str] = []
    pump = Pump({"one": lambda calls: seen.extend(call.request_id for call in calls)}, most=3)
    for number in range(5):
        pump.take(served(request_id=str(number)))
    asyncio.run(pump.drain())
    assert seen == ["2", "3", "4"]
    assert pump.dropped == 2


def test_one_line_of_json_for_each_call() -> None:
    stream = io.BytesIO()
    write = access_log(stream)
    broken = served(outcome=Outcome.BROKEN, code="upstream_lost", tried={"n0": "refused"}, key_id="", ttft_seconds=None)
    write([served(), broken])
    first, second = map(json.loads, stream.getvalue().decode().splitlines())
    assert (first["event"], first["level"], first["component"]) == ("call", "info", "gateway")
    assert first["timestamp"] == "2023-11-14T22:13:21.500000Z"
    assert (first["model"], first["node"], first["status"], first["ttft"]) == ("smollm2:135m", "n1", 200, 0.3)
    assert (first["priority"], first["key_id"], first["output_tokens"]) == ("interactive", "key-1", 12)
    assert not {"code", "tried"} & set(first), "what is not there is not told"
    assert (second["level"], second["code"], second["tried"]) == ("warning", "upstream_lost", {"n0": "refused"})
    assert not {"key_id", "ttft"} & set(second)


def test_a_line_cannot_be_forged() -> None:
    stream = io.BytesIO()
    access_log(stream)([served(model='x"}\n{"event":"forged', caller="\x1b[31m")])
    (line,) = stream.getvalue().decode().splitlines()
    assert json.loads(line)["event"] == "call"
    assert "\x1b" not in line


def test_half_a_surrogate_is_written_somehow() -> None:
    stream = io.BytesIO()
    access_log(stream)([served(model="half \ud800"), served()])
    assert len(stream.getvalue().splitlines()) == 2


def test_a_log_level_above_info_has_no_lines() -> None:
    logging.getLogger().setLevel(logging.WARNING)
    stream = io.BytesIO()
    access_log(stream)([served()])
    assert stream.getvalue() == b""


def observed(settings: GatewaySettings, *calls: Served, url: str = "") -> CollectorRegistry:
    registry = CollectorRegistry()

    async def work() -> None:
        observing = Observing()
        registry.register(observing)
        async with observing.running(Watched(settings, url)):
            for call in calls:
                observing.observe(call)

    asyncio.run(work())
    return registry


def test_everybody_sees_a_call_once(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    registry = observed(GatewaySettings(), served(request_id="once"), url=url)
    assert capfdbinary.readouterr().err.count(b'"request_id":"once"') == 1
    labels = {"model": "smollm2:135m", "node": "n1"}
    assert registry.get_sample_value("cluster_ai_gateway_call_seconds_count", labels) == 1
    assert registry.get_sample_value("cluster_ai_gateway_observations_lost_total", {"by": "request_log"}) == 0

    async def look() -> str:
        async with open_store(url, on_fatal=pytest.fail) as store:
            return (await store.find("once")).model

    assert asyncio.run(look()) == "smollm2:135m"


def test_what_is_switched_off_is_off(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    observed(GatewaySettings(access_log=False, request_log="off"), served(), url=url)
    assert b"smollm2" not in capfdbinary.readouterr().err
    assert not (tmp_path / "log.db").exists()


def test_an_observer_that_stumbles_stops_nobody() -> None:
    seen: list[str] = []

    def bad(calls: Sequence[Served]) -> None:
        if calls[0].request_id == "bad":
            raise ValueError("a sink's mistake")

    async def work() -> None:
        pump = Pump({"bad": bad, "good": lambda calls: seen.extend(call.request_id for call in calls)})
        pump.take(served(request_id="bad"))
        await pump.drain()
        pump.take(served(request_id="good"))
        await pump.drain()
        assert pump.failed == {"bad": 1}

    asyncio.run(work())
    assert seen == ["bad", "good"]


def test_a_log_that_cannot_be_written_costs_only_its_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    read, write = os.pipe()
    os.close(read)
    stream = os.fdopen(write, "wb", buffering=0)
    monkeypatch.setattr("cluster_ai.gateway.watching.observers.access_log", lambda: access_log(stream))
    registry = observed(GatewaySettings(), served(request_id="a"), served(request_id="b"), url=url)
    stream.close()
    name = "cluster_ai_gateway_observations_lost_total"
    lost = {by: registry.get_sample_value(name, {"by": by}) for by in ("access_log", "request_log", "queue")}
    assert lost == {"access_log": 2, "request_log": 0, "queue": 0}
    with contextlib.closing(sqlite3.connect(tmp_path / "log.db")) as connection:
        assert connection.execute("SELECT count(*) FROM gateway_requests").fetchone() == (2,)
