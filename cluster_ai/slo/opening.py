"""The room of objectives opened: it counts and evaluates for as long as a block runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cluster_ai.core.leadership import Guard, Leads, always, unguarded
from cluster_ai.core.loops import every
from cluster_ai.slo.consenting import consenting
from cluster_ai.slo.given import Given
from cluster_ai.slo.judging import Call
from cluster_ai.slo.service import Service
from cluster_ai.slo.types import SloSettings

__all__ = [
    "Call",
    "Given",
    "Guard",
    "Leads",
    "Service",
    "SloSettings",
    "always",
    "consenting",
    "open_room",
    "unguarded",
]


@asynccontextmanager
async def open_room(given: Given) -> AsyncIterator[Service]:
    """The room with its loops."""
    service = Service(given)
    settings = given.settings
    loops = (
        asyncio.create_task(every(settings.count_seconds, service.count, name="objectives counted"), name="slo count"),
        asyncio.create_task(every(settings.evaluate_seconds, service.evaluate, name="objectives"), name="slo"),
    )
    try:
        yield service
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await service.closed()
