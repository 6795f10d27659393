"""Opens how tickets get done, and keeps it going for as long as a block runs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from backend.dispatching.config import DispatchConfig
from backend.dispatching.gateway_key import gateway_key
from backend.dispatching.parts import (
    HERE,
    Clerk,
    Dispatcher,
    Flow,
    Gateway,
    Incidents,
    Lines,
    Means,
    Opened,
    Places,
    Room,
    Running,
    SchedulerTickets,
    node_of,
)
from backend.dispatching.summing import Consolidation, Sink, Telemetry
from backend.dispatching.watching import Watch
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
    sink: Sink | None = None
    """Where telemetry goes beside the bus of this process; None: nowhere else."""


@dataclass(slots=True)
class Dispatching:
    """Open while the block runs."""

    clerk: Clerk
    lines: Lines
    door: WorkDoor
    watch: Watch

    @property
    def incidents(self) -> Incidents:
        return self.watch.incidents


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
        watch = Watch(
            given.database,
            around.bus,
            flow,
            desk,
            Incidents(given.database, given.tell, given.new_id),
            Consolidation(given.database, plans.plans, plans.reader, given.now),
            Telemetry(given.database, around.sink or _told(around.bus), given.new_id),
            lines,
            given.now,
        )
        opened = Dispatching(clerk, lines, WorkDoor(clerk), watch)
        await stack.enter_async_context(watch.running())
        loop = Running(Dispatcher(means), around.bus, now=given.now, cancel=desk.cancel, seen=watch.seen)
        task = asyncio.create_task(loop.run(), name="dispatching")
        try:
            yield opened
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def _told(bus: Bus) -> Sink:
    """Where nobody collects telemetry from outside: it is told in this process."""

    async def send(records: Sequence[dict[str, Any]]) -> None:
        for record in records:
            bus.publish("telemetry", record)

    return send
