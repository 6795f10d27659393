"""The desk that gives out places, with the way of choosing that the configuration names."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from cluster_ai.gateway.means import Means
from cluster_ai.gateway.placing.admission import Desk
from cluster_ai.gateway.placing.scorers import STRATEGIES

log = structlog.get_logger(__name__)
TICK_SECONDS: Final = 0.25
"""Waiting calls look again so often by themselves: swaps and tries come due without an event."""


@asynccontextmanager
async def open_desk(means: Means) -> AsyncIterator[Desk]:
    """It looks after those who wait as long as the block runs."""
    scorer = STRATEGIES[means.settings.strategy]()
    desk = Desk(means.pool, means.settings, scorer, clock=means.clock)
    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(_keep_looking(desk))
        try:
            yield desk
        finally:
            looking.cancel()


async def _keep_looking(desk: Desk) -> None:
    while True:
        await asyncio.sleep(TICK_SECONDS)
        try:
            desk.look_again()
        except Exception:  # the next look may go well, and without any nobody who waits would be served
            log.exception("a look at those who wait stumbled")
