"""Opens how tickets get done, and keeps it going for as long as a block runs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

from backend.dispatching.config import DispatchConfig
from backend.dispatching.gateway_key import gateway_key
from backend.dispatching.parts import (
    HERE,
    Clerk,
    Dispatcher,
    Flow,
    Gateway,
    Lines,
    Means,
    Opened,
    Picture,
    Places,
    Room,
    Running,
    SchedulerTickets,
    node_of,
)
from backend.dispatching.work_door import WorkDoor
from cluster_ai.core.bus import Bus
from cluster_ai.keys.service import Keys
from cluster_ai.registry.service import Registry


@dataclass(frozen=True, slots=True)
class Around:
    """What dispatching takes from the rest of the API."""

    bus: Bus
    keys: Keys
    registry: Registry
    leads: Callable[[], bool] = lambda: True


@dataclass(slots=True)
class Dispatching:
    """``last``: what the last tick saw."""

    clerk: Clerk
    lines: Lines
    door: WorkDoor
    last: Picture | None = None

    async def seen(self, picture: Picture) -> None:
        self.last = picture


@asynccontextmanager
async def open_dispatching(config: DispatchConfig, plans: Opened, around: Around) -> AsyncIterator[Dispatching]:
    """The worker's door is open, and the dispatcher runs, inside the block."""
    given = plans.given
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(SchedulerTickets(config.scheduler))
        key = await gateway_key(around.keys, config.secrets)

        def gateway(worker: str) -> Gateway:
            is_here = node_of(worker) == HERE
            return Gateway(config.gateway_near if is_here else config.gateway_far, key)

        flow, lines = Flow(given), Lines(config.lines)
        clerk = Clerk(Room(given, plans.reports), flow, lines, gateway)
        places = Places(around.registry, gateway_is_near=not config.gateway_far)
        means = Means(
            database=given.database,
            queue=flow,
            desk=desk,
            hands=places.hands,
            bounds=config.bounds,
            leads=around.leads,
            lease_seconds=given.lease_seconds,
            expect=clerk.expect,
        )
        opened = Dispatching(clerk, lines, WorkDoor(clerk))
        loop = Running(Dispatcher(means), around.bus, now=given.now, cancel=desk.cancel, seen=opened.seen)
        task = asyncio.create_task(loop.run(), name="dispatching")
        try:
            yield opened
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
