"""Models that nobody has asked for: what nodes have, set against the ledger of usage."""

import asyncio
from datetime import UTC, datetime

from backend.plane import Plane
from cluster_ai.catalog.types import UnusedModels
from cluster_ai.catalog.unused import last_days, look, unused


async def unused_models(plane: Plane, days: int) -> UnusedModels:
    """Of all nodes that answer.

    Raises:
        DatabaseUnavailable: it cannot be read.
        Misconfigured: the file with the aliases is wrong at the moment.
    """
    room = plane.catalog
    aliases = await asyncio.to_thread(room.given.aliases)
    last = last_days(await plane.rooms.keys.last_days(), aliases)
    seen, pins = await look(room.given.nodes), await room.upkeep.pins()
    found = unused(
        seen.held,
        last,
        pinned=[(pin.node, pin.model) for pin in pins],
        today=datetime.fromtimestamp(room.given.now(), UTC).date(),
        days=days,
    )
    return UnusedModels(days=days, items=found, silent=seen.silent)
