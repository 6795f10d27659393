"""Limits of one gateway: all or none, windows on the clock, corrections that find their window."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from backend.gateway.gate import Gate
from cluster_ai.gateway.served import Outcome, Served
from cluster_ai.keys.credentials import Entry, Rules
from cluster_ai.keys.meter import Meter
from cluster_ai.keys.opening import Ring
from cluster_ai.keys.source import KeySource
from cluster_ai.keys.types import INFERENCE, Caller, LimitReached, Limits, ModelNotAllowed, Priority
from cluster_ai.keys.windows import Counters, claims_of

NOON = 1_800_000_000.0 - 1_800_000_000.0 % 86_400 + 12 * 3600


@dataclass
class Desk:
    """A meter and its clock."""

    now: float = NOON
    meter: Meter = field(init=False)

    def __post_init__(self) -> None:
        self.meter = Meter(now=lambda: self.now)

    def ask(self, limits: Limits, tokens: int = 0, key: str = "k") -> Any:
        return asyncio.run(self.meter.reserve(key, limits, tokens=tokens))


def passed(desk: Desk, limits: Limits, *, times: int, tokens: int = 0, key: str = "k") -> int:
    found = 0
    for _ in range(times):
        try:
            desk.ask(limits, tokens, key)
            found += 1
        except LimitReached:
            continue
    return found


def test_exactly_the_limit_passes_in_each_minute_and_each_day() -> None:
    desk, limits = Desk(), Limits(requests_per_minute=3, requests_per_day=5)
    assert passed(desk, limits, times=9) == 3
    assert passed(desk, limits, times=9, key="another") == 3
    desk.now += 60
    assert passed(desk, limits, times=9) == 2, "the day has five"
    desk.now += 60
    assert passed(desk, limits, times=9) == 0
    desk.now = NOON + 12 * 3600
    assert passed(desk, limits, times=9) == 3, "another day"


def test_refusal_says_which_limit_and_when_it_ends() -> None:
    desk, limits = Desk(now=NOON + 12.5), Limits(requests_per_minute=1)
    desk.ask(limits)
    with pytest.raises(LimitReached, match=r"1 requests in a minute .* ends at 2027-01-15 12:01:00 UTC") as refused:
        desk.ask(limits)
    assert refused.value.retry_after == 47.5
    tokens = Limits(tokens_per_day=10)
    desk.ask(tokens, 10, "t")
    with pytest.raises(LimitReached, match=r"10 tokens in a day .* 2027-01-16 00:00:00 UTC") as refused:
        desk.ask(tokens, 1, "t")
    assert refused.value.retry_after == 12 * 3600 - 12.5
    with pytest.raises(LimitReached, match=r"needs about 11 tokens, and its key may use 10 in a day"):
        desk.ask(Limits(tokens_per_day=10), 11, "fresh")


def test_refused_call_counts_for_no_limit() -> None:
    desk, limits = Desk(), Limits(requests_per_minute=2, tokens_per_minute=100)
    desk.ask(limits, 60)
    for _ in range(5):
        with pytest.raises(LimitReached, match="tokens"):
            desk.ask(limits, 60)
    desk.ask(limits, 40)
    with pytest.raises(LimitReached, match="2 requests"):
        desk.ask(limits, 0)


def test_tokens_are_put_right_after_the_call() -> None:
    desk, limits = Desk(), Limits(tokens_per_minute=100)
    first = desk.ask(limits, 80)
    desk.meter.settle(first, used=10)
    second = desk.ask(limits, 90)
    desk.meter.settle(second, used=150)
    with pytest.raises(LimitReached):
        desk.ask(limits, 1)


def test_correction_that_comes_in_the_next_minute_gives_that_minute_nothing() -> None:
    desk, limits = Desk(), Limits(tokens_per_minute=100, tokens_per_day=1000)
    late = desk.ask(limits, 90)
    desk.now += 60
    desk.meter.settle(late, used=0)
    assert passed(desk, limits, times=20, tokens=10) == 10
    desk.now += 60
    assert passed(desk, limits, times=20, tokens=50) == 2
    # The day is one window still: what was given back counts there.
    assert [passed(desk, Limits(tokens_per_day=1000), times=1, tokens=n) for n in (801, 800, 1)] == [0, 1, 0]


def test_no_limit_costs_nothing_and_is_never_counted() -> None:
    desk = Desk()
    assert desk.ask(Limits(), 10**9) is None
    assert passed(desk, Limits(), times=100, tokens=10**9) == 100


def test_memory_holds_only_the_windows_that_have_not_ended() -> None:
    counters, limits = Counters(), Limits(requests_per_minute=9, requests_per_day=9)
    for number in range(1000):
        counters.take(f"key-{number}", claims_of(limits, tokens=0), now=NOON)
    counters.forget(now=NOON + 60)
    assert len(counters._counters) == 1000, "the days"
    counters.forget(now=NOON + 86_400)
    assert counters._counters == {}


def test_one_request_id_for_many_calls_does_not_hide_what_they_use() -> None:
    limits = Limits(tokens_per_day=1000)

    async def story() -> None:
        meter = Meter(now=lambda: NOON)
        caller = Caller("id", "name", frozenset({INFERENCE}), models=("good",))
        source = Kept(Entry(caller, limits, None))
        gate = Gate(Ring(Rules(), lambda: NOON, meter, source))
        for _ in range(4):
            with await gate.reserve(caller, model="good", tokens=10):
                with pytest.raises(ModelNotAllowed):
                    await gate.reserve(caller, model="bad", tokens=10)
                gate.observe(served(Outcome.REFUSED))
                gate.observe(served(Outcome.DONE, prompt_tokens=50, output_tokens=200))
        with pytest.raises(LimitReached):
            await gate.reserve(caller, model="good", tokens=1)

    asyncio.run(story())


def test_the_end_of_a_call_gives_nothing_back_of_another_with_its_request_id() -> None:
    async def call(gate: Gate, tokens: int, ends: asyncio.Event) -> None:
        with await gate.reserve(caller, model="m", tokens=tokens):
            await ends.wait()
            gate.observe(served(Outcome.DONE, prompt_tokens=10))

    async def story() -> None:
        gate = Gate(Ring(Rules(), lambda: NOON, Meter(now=lambda: NOON), Kept(Entry(caller, limits, None))))
        small, large = asyncio.Event(), asyncio.Event()
        running = [asyncio.create_task(call(gate, 10, small)), asyncio.create_task(call(gate, 900, large))]
        await asyncio.sleep(0)
        small.set()
        await running[0]
        with pytest.raises(LimitReached):
            # The 900 stand for a call that still runs.
            await gate.reserve(caller, model="m", tokens=500)
        large.set()
        await running[1]
        assert await gate.reserve(caller, model="m", tokens=980)
        with pytest.raises(LimitReached):
            await gate.reserve(caller, model="m", tokens=1)

    caller, limits = Caller("id", "name", frozenset({INFERENCE})), Limits(tokens_per_day=1000)
    asyncio.run(story())


def test_who_leaves_before_the_figures_come_does_not_leave_for_nothing() -> None:
    async def story() -> None:
        caller = Caller("id", "name", frozenset({INFERENCE}))
        gate = Gate(
            Ring(Rules(), lambda: NOON, Meter(now=lambda: NOON), Kept(Entry(caller, Limits(tokens_per_day=100), None)))
        )
        with await gate.reserve(caller, model="m", tokens=60):
            gate.observe(served(Outcome.CANCELLED, ttft_seconds=0.1))
        with pytest.raises(LimitReached):
            await gate.reserve(caller, model="m", tokens=60)
        with await gate.reserve(caller, model="m", tokens=40):
            gate.observe(served(Outcome.CANCELLED))
        await gate.reserve(caller, model="m", tokens=40)

    asyncio.run(story())


class Kept(KeySource):
    """Knows one key, from no database."""

    def __init__(self, entry: Entry) -> None:
        self._by_id = {entry.caller.key_id: entry}


def served(outcome: Outcome, **more: Any) -> Served:
    fixed = {"caller": "name", "model": "good", "path": "/api/chat", "stream": True, "priority": Priority.NORMAL}
    return Served(request_id="same", key_id="id", at=NOON, outcome=outcome, **fixed, **more)
