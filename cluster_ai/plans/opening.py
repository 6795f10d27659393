"""The plans room from what it is given: its classes side by side, and its upkeep for as long as a block runs."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from cluster_ai.plans import pipelines, upkeep
from cluster_ai.plans.desk import Tickets
from cluster_ai.plans.given import Given
from cluster_ai.plans.queue import Queue
from cluster_ai.plans.reading import Reader
from cluster_ai.plans.reaping import Reaper
from cluster_ai.plans.reports import Reports
from cluster_ai.plans.service import Plans


@dataclass(frozen=True, slots=True)
class Opened:
    """The room. ``plans``, ``tickets`` and ``reader`` are for people; ``queue`` and ``reaper`` for whoever
    dispatches; ``reports`` for workers; ``pipelines`` for those elsewhere that tickets wait for.
    """

    given: Given
    plans: Plans
    tickets: Tickets
    reader: Reader
    queue: Queue
    reaper: Reaper
    reports: Reports
    pipelines: pipelines.Pipelines

    @classmethod
    def of(cls, given: Given) -> "Opened":
        return cls(
            given,
            Plans(given),
            Tickets(given),
            Reader(given),
            Queue(given),
            Reaper(given),
            Reports(given),
            pipelines.Pipelines(given),
        )


@asynccontextmanager
async def open_plans(given: Given, *, keep_days: float) -> AsyncIterator[Opened]:
    """The room with its upkeep."""
    keeping = asyncio.create_task(upkeep.Upkeep(given, keep_days=keep_days).run(), name="plans upkeep")
    try:
        yield Opened.of(given)
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


def steady(wall: Callable[[], float] = time.time, clock: Callable[[], float] = time.monotonic) -> Callable[[], float]:
    """Unix seconds as they were at the start, going on with a clock that never jumps: leases are counted by it."""
    began, at = wall(), clock()
    return lambda: began + clock() - at
