"""What leaves this process: events to other processes over the bus, and to others over webhooks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from backend.notify_room import Beside, Notify, open_notify
from cluster_ai.core.bus import Bus
from cluster_ai.core.redis_bus import SharedBus

__all__ = ["Beside", "Notify", "open_bus", "open_notify"]


@asynccontextmanager
async def open_bus(redis_url: str | None, *, origin: str) -> AsyncIterator[Bus]:
    """The bus of this process, joined to others' where a Redis is set. ``origin`` names this process among them.

    Raises:
        Misconfigured: ``redis_url`` is no address of a Redis.
        RedisRefused: it does not take our user and password.
    """
    if redis_url is None:
        yield Bus()
        return
    bus = SharedBus(redis_url, origin=origin)
    async with bus.running():
        yield bus
