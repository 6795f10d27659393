"""When the dispatcher makes a round: once for all that happened, and not for what frees no place."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from cluster_ai.core.bus import Bus
from cluster_ai.plans import running
from cluster_ai.plans.dispatcher import Dispatcher, Picture


@dataclass
class Rounds:
    """A dispatcher that counts. ``during``: what happens while a round is made, by its number."""

    during: dict[int, Callable[[], None]] = field(default_factory=dict)
    count: int = 0
    asked: list[str] = field(default_factory=list)
    heeded: bool = True

    async def tick(self, now: float) -> Picture:
        self.count += 1
        self.during.get(self.count, lambda: None)()
        return Picture(now)

    def heeds(self, ticket_id: str) -> bool:
        self.asked.append(ticket_id)
        return self.heeded


def told(bus: Bus, kind: str, subject: str) -> None:
    bus.publish("ticket", {"type": kind, "subject": subject, "data": {"attempt": 1, "agent_id": "w0"}})


def played(rounds: Rounds, bus: Bus, then: Callable[[], None] = lambda: None) -> list[str]:
    """Runs the loop until it has nothing to do; answers what was cancelled."""
    cancelled: list[str] = []

    async def cancel(ticket_id: str, _attempt: int, _worker: str) -> None:
        cancelled.append(ticket_id)

    async def seen(_picture: Picture) -> None:
        return

    async def play() -> None:
        loop = running.Running(cast("Dispatcher", rounds), bus, now=lambda: 0.0, cancel=cancel, seen=seen)
        task = asyncio.create_task(loop.run())
        for step in (lambda: None, then):
            step()
            for _ in range(20):
                await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(play())
    return cancelled


@pytest.fixture(autouse=True)
def _no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds that the clock brings about do not count here."""
    monkeypatch.setattr(running, "POLL_SECONDS", 600.0)
    monkeypatch.setattr(running, "REST_SECONDS", 0.001)


def test_all_that_happens_in_a_round_brings_one_more() -> None:
    bus = Bus()
    rounds = Rounds({1: lambda: [told(bus, "ticket.completed", f"t{number}") for number in range(50)] and None})
    played(rounds, bus)
    assert rounds.count == 2
    assert len(rounds.asked) == 50


def test_what_frees_no_place_brings_none_and_is_noted_all_the_same() -> None:
    bus = Bus()
    rounds = Rounds(heeded=False)
    played(rounds, bus, lambda: [told(bus, "ticket.completed", f"t{number}") for number in range(5)] and None)
    assert rounds.count == 1
    assert rounds.asked == [f"t{number}" for number in range(5)]


def test_every_cancel_is_passed_on() -> None:
    bus = Bus()
    rounds = Rounds()

    def happens() -> None:
        for name in ("a", "b"):
            told(bus, "ticket.cancelling", name)
        told(bus, "ticket.completed", "c")

    assert sorted(played(rounds, bus, happens)) == ["a", "b"]
    assert rounds.count == 2


def test_a_plan_that_comes_is_a_reason() -> None:
    bus = Bus()
    rounds = Rounds(heeded=False)
    data: dict[str, Any] = {"type": "plan.submitted", "subject": "p", "data": {}}
    played(rounds, bus, lambda: bus.publish("plan", data) and None)
    assert rounds.count == 2
