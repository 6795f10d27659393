"""How long a silent node is waited for: shorter where it is known to be quick and another stands idle, never blindly."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest

from cluster_ai.gateway.dialects.call import Call, read_call
from cluster_ai.gateway.dialects.paths import RELAYED
from cluster_ai.gateway.nodes.capacity import Capacity
from cluster_ai.gateway.nodes.upstreams import Upstream
from cluster_ai.gateway.placing.place import Place
from cluster_ai.gateway.placing.scorers import LeastLoaded
from cluster_ai.gateway.relaying.patience import (
    HURRIED_SECONDS,
    SHORTEST_SILENCE,
    first_byte_seconds,
    silence_of,
)
from cluster_ai.gateway.routing import Ask, Candidate, Choice
from cluster_ai.gateway.types import BreakerState, GatewaySettings, ModelView, UpstreamKind, UpstreamState
from cluster_ai.keys.types import ANONYMOUS

SETTINGS = GatewaySettings()
MODEL = ModelView(name="m:latest", loaded=True)
IDLE = Candidate("other")
TOOLS = [{"type": "function", "function": {"name": "look"}}]


def call(text: str = "hi", path: str = "/api/chat", **fields: Any) -> Call:
    said = {"model": "m", "messages": [{"role": "user", "content": text}]}
    return read_call(RELAYED[path], orjson.dumps(said | fields))


def place(*others: Candidate, mine: Mapping[str, Any] | None = None, ttft: float | None = 0.1) -> Place:
    """One at a node that reads 1,000 tokens a second and writes 50; the only call there."""
    node = Upstream("n", "http://n", UpstreamKind.OLLAMA, SETTINGS)
    lane = node.lane(MODEL)
    lane.inflight = node.inflight = 1
    if ttft is not None:
        for _ in range(20):
            lane.learned.ttft.add(ttft)
        lane.learned.read_prompt(1000, 1.0)
        lane.learned.wrote(50, 1.0)
    rows = [Choice(row, None, LeastLoaded(), Ask("m")) for row in (replace(Candidate("n"), **(mine or {})), *others)]
    return Place(node, MODEL, lane, rows[0], tuple(rows), 0.0, 0.0)


def limit(asked: Call, at: Place, *, again: bool = False) -> float:
    return first_byte_seconds(asked, at, SETTINGS, again=again)


def test_known_to_be_quick_beside_an_idle_one_it_is_left_soon() -> None:
    assert limit(call(), place(IDLE)) == HURRIED_SECONDS
    assert limit(call(path="/api/embed"), place(IDLE)) == HURRIED_SECONDS


@pytest.mark.parametrize(
    "other",
    [
        replace(IDLE, resident=False),
        replace(IDLE, inflight=1),
        replace(IDLE, state=UpstreamState.SUSPECT),
        replace(IDLE, breaker=BreakerState.HALF_OPEN),
        replace(IDLE, busy_seconds=1.0),
    ],
)
def test_without_an_idle_one_it_has_all_the_time(other: Candidate) -> None:
    assert limit(call(), place(other)) == SETTINGS.first_byte_seconds
    assert limit(call(), place()) == SETTINGS.first_byte_seconds


def test_a_second_try_has_all_the_time() -> None:
    assert limit(call(), place(IDLE), again=True) == SETTINGS.first_byte_seconds


def test_nobody_hurries_a_node_of_which_nothing_is_known() -> None:
    assert limit(call(), place(IDLE, ttft=None)) == SETTINGS.first_byte_seconds


def test_nobody_hurries_a_model_that_is_not_in_memory() -> None:
    assert limit(call(), place(IDLE, mine={"resident": False})) == SETTINGS.first_byte_seconds


def test_a_slow_start_or_a_long_prompt_is_waited_for() -> None:
    assert limit(call(), place(IDLE, ttft=2.0)) == pytest.approx(6, rel=0.1)
    # Two seconds of reading; what the cache may hold of it does not shorten that.
    assert limit(call("x" * 8000), place(IDLE, mine={"cached_tokens": 2000})) == pytest.approx(6, rel=0.1)
    assert limit(call("x" * 400_000), place(IDLE)) > 250


def test_work_beside_it_explains_silence() -> None:
    others_models, waiting, other_gateways = place(IDLE), place(IDLE), place(IDLE)
    others_models.upstream.inflight += 1
    waiting.lane.inflight = waiting.upstream.inflight = 3
    other_gateways.lane.elsewhere = other_gateways.upstream.elsewhere = 4
    for at in (others_models, waiting, other_gateways):
        assert limit(call(), at) >= SETTINGS.first_byte_seconds
    known = place(IDLE)
    known.lane.capacity = Capacity(declared=4)
    known.lane.inflight = known.upstream.inflight = 3
    assert limit(call(), known) == HURRIED_SECONDS


def test_the_call_of_a_tool_is_written_in_silence() -> None:
    asked = call(tools=TOOLS)
    assert limit(asked, place(IDLE)) > 40
    assert limit(asked, place(IDLE, ttft=None)) >= SETTINGS.idle_seconds
    whole, at = call(stream=False), place()
    at.lane.learned.gap.add(0.02)
    assert silence_of(whole, at.lane, most=60) == SHORTEST_SILENCE
    assert silence_of(call(stream=False, tools=TOOLS), at.lane, most=60) > 40


def test_between_records_only_an_answer_that_can_be_had_elsewhere_is_hurried() -> None:
    at, streamed = place(), call()
    assert silence_of(streamed, at.lane, most=60) == 60
    at.lane.learned.gap.add(0.02)
    assert silence_of(streamed, at.lane, most=60) == 60
    caller = replace(ANONYMOUS, resume=True)
    resumed = replace(streamed, sender=replace(streamed.sender, caller=caller))
    assert silence_of(resumed, at.lane, most=60) == SHORTEST_SILENCE
    at.lane.learned.gap.add(4.0)
    assert silence_of(resumed, at.lane, most=60) > 20


def test_one_more_than_was_ever_seen_side_by_side_may_wait_for_the_other() -> None:
    at = place(ttft=0.1)
    at.lane.learned.hold.add(40.0)
    alone = limit(call(), at)
    at.lane.inflight = 2
    at.lane.capacity.active = 1
    assert limit(call(), at) >= alone + 40.0
    at.lane.capacity.proven = 2
    assert limit(call(), at) == alone
