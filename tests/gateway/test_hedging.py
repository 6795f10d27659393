"""A short call that takes unusually long is given to a second node as well, where its key wishes so."""

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace as Of
from typing import Any

import pytest

from cluster_ai.gateway.relaying.hedge import Hedge
from cluster_ai.gateway.types import UpstreamSettings
from tests.fakes.fleet import FakeNode, Fleet
from tests.fakes.raw import MODEL, hear
from tests.gateway.door import HI, Door, gateway, header, request
from tests.waiting import until

pytestmark = pytest.mark.real


@pytest.fixture
def door(fleet: Fleet) -> Iterator[Door]:
    """Two nodes with the model in memory; what is usual is known of the first."""
    nodes = fleet.nodes[:2]
    rows = [UpstreamSettings(name=node.name, url=node.url, slots=8) for node in nodes]
    with gateway(rows=rows, hedge=True, strategy="priority") as started:
        for node in nodes:
            hear(node, request("/api/generate", {"model": MODEL, "stream": False}))
        until(lambda: all(row.models[0].loaded or row.models[-1].loaded for row in started.state().upstreams))
        for _ in range(12):
            assert started.chat().status == 200
        yield Door(started.port, nodes)


def slow(node: FakeNode) -> None:
    node.set(ttft=20)


def test_the_second_node_answers_and_the_first_is_let_go(door: Door) -> None:
    first = next(node for node in door.nodes if node.counters().done > 5)
    slow(first)
    heard = door.chat()
    assert heard.status == 200
    assert header(heard, "x-cluster-node") != first.name
    assert heard.seconds < 5
    first.until(lambda seen: seen.in_flight == 0)
    assert {row.inflight for row in door.state().upstreams} == {0}
    assert {row.breaker for row in door.state().upstreams} == {"closed"}, "slow is not broken"


def test_what_is_usual_is_not_doubled(door: Door) -> None:
    before = sum(node.counters().started for node in door.nodes)
    for _ in range(10):
        door.chat()
    assert sum(node.counters().started for node in door.nodes) == before + 10


def test_long_prompts_are_not_read_twice(door: Door) -> None:
    first = next(node for node in door.nodes if node.counters().done > 5)
    first.set(ttft=1.5)
    before = sum(node.counters().started for node in door.nodes)
    heard = door.ask("/api/chat", HI | {"messages": [{"role": "user", "content": "long " * 2000}]})
    assert header(heard, "x-cluster-node") == first.name
    assert sum(node.counters().started for node in door.nodes) == before + 1


def test_who_leaves_leaves_both(door: Door) -> None:
    for node in door.nodes:
        slow(node)
    with door.open(HI):
        until(lambda: sum(node.counters().in_flight for node in door.nodes) == 2, what="both were asked")
    until(lambda: sum(node.counters().in_flight for node in door.nodes) == 0, what="neither works on")


class Tries:
    """The first is silent, and slow to be given up; the second answers when it is told to."""

    def __init__(self) -> None:
        self.answers = asyncio.Event()
        self.open_now: set[str] = set()

    async def open(self, call: Any, model: str, avoid: dict[str, float], seen: list[Any], *, until: float) -> str:
        high = Of(high=0.01)
        seen.append(
            Of(upstream=Of(name="first"), choice=Of(candidate=Of(resident=True)), lane=Of(learned=Of(ttft=high)))
        )
        if avoid:
            await self.answers.wait()
            self.open_now.add("second")
            return "second"
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
        return "first"

    def close(self, trial: str, *, is_whole: bool) -> None:
        self.open_now.discard(trial)


@pytest.mark.parametrize("turns", range(8))
def test_who_leaves_as_the_winner_answers_leaves_no_place_taken(turns: int) -> None:
    async def work() -> None:
        tries = Tries()
        retries = Of(waits_until=lambda journey: 0.0, budget=Of(spend=lambda: True))
        asking = asyncio.create_task(Hedge(tries, retries).first(Of(avoid={}, model="m"), None, []))
        await asyncio.sleep(0.1)
        tries.answers.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait({asking})
        await asyncio.sleep(0.05)
        is_handed = not asking.cancelled() and asking.result() == "second"
        assert tries.open_now == ({"second"} if is_handed else set())

    asyncio.run(work())
