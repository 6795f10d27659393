"""What leaves this process, and comes from outside: events to other processes over the bus, and over webhooks."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

from backend.notify_room import Beside, Notify, Turn, open_notify
from cluster_ai.core.bus import Bus
from cluster_ai.core.redis_bus import SharedBus
from cluster_ai.executors.contract import Reported
from cluster_ai.notify.given import PipelineCompleted
from cluster_ai.notify.receivers import open_receivers
from cluster_ai.notify.types import Outcome
from cluster_ai.plans.opening import Opened

__all__ = ["Beside", "Notify", "open_bus", "open_notify", "open_receivers", "to_tickets", "turn_of"]

TURN_SECONDS: Final = 600.0
TIDY: Final = "old webhooks"


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


def turn_of(bus: Bus, leads: Callable[[], int]) -> Turn:
    """Heads that share a Redis take turns at forgetting what is old; without one the head that leads does it."""

    def turn() -> AbstractAsyncContextManager[bool]:
        locks = bus.locks if isinstance(bus, SharedBus) else None
        return _by_term(leads) if locks is None else locks.turn(TIDY, seconds=TURN_SECONDS)

    return turn


@asynccontextmanager
async def _by_term(leads: Callable[[], int]) -> AsyncIterator[bool]:
    yield leads() > 0


def to_tickets(work: Opened) -> PipelineCompleted:
    """What pipelines elsewhere say goes to the tickets that wait for it."""
    return lambda connection, said: work.pipelines.reported(connection, said.ticket_id, _reported(said))


def _reported(said: Outcome) -> Reported:
    return Reported(succeeded=said.succeeded, detail=said.detail, url=said.url)
