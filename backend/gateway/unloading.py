"""A wish to unload a model is granted by every node that has it in memory."""

import asyncio
from dataclasses import replace

import structlog

from cluster_ai.core.errors import ClusterError
from cluster_ai.gateway.dialects.call import Call
from cluster_ai.gateway.relaying.attempt import Broken
from cluster_ai.gateway.relaying.unloading import loaded_on, unloads
from cluster_ai.gateway.room import Room

log = structlog.get_logger(__name__)


async def last_of(call: Call, room: Room) -> Call:
    """The call itself, or of a wish that concerns several nodes the last one; the others have been granted."""
    if not unloads(call):
        return call
    names = loaded_on(room.means.pool.serving(room.means.pool.resolve(call.model), call.sender.pins))
    pinned = [replace(call, sender=replace(call.sender, pins=frozenset({name}))) for name in names]
    await asyncio.gather(*(_granted(one, room) for one in pinned[:-1]))
    return pinned[-1] if pinned else call


async def _granted(call: Call, room: Room) -> None:
    try:
        async with room.works.relay.send(call) as reply:
            async for _ in reply.chunks:
                pass
    except (ClusterError, Broken) as exc:
        log.warning("a node did not unload", model=call.model, node=min(call.sender.pins), reason=str(exc))
