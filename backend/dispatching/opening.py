"""Opens how tickets get done, and keeps it going for as long as a block runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace

from backend.dispatching import attempt_spans, config, gateway_key, telling, watching, work_door
from cluster_ai.compute.scaling import HERE, node_of
from cluster_ai.compute.tickets.transport import SchedulerTickets
from cluster_ai.core import bus, consent, leadership, loops, tracing
from cluster_ai.keys.service import Keys
from cluster_ai.plans import (
    clerk,
    dispatcher,
    incidents,
    lines,
    losing,
    opening,
    ordering,
    pace,
    places,
    running,
    telemetry,
    worker_side,
)
from cluster_ai.registry.service import Registry


@dataclass(frozen=True, slots=True)
class Around:
    """What dispatching takes from the rest of the API."""

    bus: bus.Bus
    keys: Keys
    registry: Registry
    leads: leadership.Leads = leadership.always
    guard: leadership.Guard = leadership.unguarded
    """Asked in every unit of work of the dispatcher."""
    frozen: consent.Outlooks = consent.clear
    """What the freezes of objectives forbid."""
    spans: tracing.Tracing = tracing.OFF
    sink: telemetry.Sink | None = None
    """Where telemetry goes instead of the bus; None: onto the bus."""


@dataclass(slots=True)
class Dispatching:
    """Open while the block runs."""

    clerk: clerk.Clerk
    lines: lines.Lines
    door: work_door.WorkDoor
    watch: watching.Watch
    paces: pace.Pace

    @property
    def incidents(self) -> incidents.Incidents:
        return self.watch.incidents


@asynccontextmanager
async def open_dispatching(
    wanted: config.DispatchConfig, plans: opening.Opened, around: Around
) -> AsyncIterator[Dispatching]:
    """The worker's door is open, and the dispatcher runs, inside the block."""
    async with AsyncExitStack() as stack:
        desk = await stack.enter_async_context(SchedulerTickets(wanted.scheduler))
        key = await gateway_key.gateway_key(around.keys, wanted.secrets)
        opened = _opened(wanted, plans, around, desk, key)
        await stack.enter_async_context(opened.watch.running())
        if around.spans.is_on:
            spans = attempt_spans.attempt_spans(around.bus, plans.given.database, around.spans, around.leads)
            await stack.enter_async_context(loops.alongside(attempt_spans=spans))
        means = dispatcher.Means(
            database=plans.given.database,
            queue=opened.watch.flow,
            desk=desk,
            hands=places.Places(around.registry, gateway_is_near=not wanted.gateway_far).hands,
            bounds=wanted.bounds,
            leads=around.leads,
            frozen=around.frozen,
            lease_seconds=plans.given.lease_seconds,
            paces=opened.paces,
        )
        works = dispatcher.Dispatcher(means)
        loop = running.Running(works, around.bus, now=plans.given.now, cancel=desk.cancel, seen=opened.watch.seen)
        task = asyncio.create_task(loop.run(), name="dispatching")
        try:
            yield opened
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def _opened(
    wanted: config.DispatchConfig, plans: opening.Opened, around: Around, desk: SchedulerTickets, key: str
) -> Dispatching:
    given, kept = plans.given, lines.Lines(wanted.lines)
    led = losing.Flow(replace(given, database=given.database.guarded(around.guard)))

    def gateway(worker: str) -> ordering.Gateway:
        is_here = node_of(worker) == HERE
        return ordering.Gateway(wanted.gateway_near if is_here else wanted.gateway_far, key)

    # Workers may report to any head: their own fence is that of their attempt.
    paces = pace.Pace()
    answers = clerk.Clerk(worker_side.Room(given, plans.reports), kept, gateway, paces)
    watch = watching.Watch(
        given.database,
        around.bus,
        led,
        desk,
        incidents.Incidents(given.database, given.tell, given.new_id),
        telemetry.Consolidation(given.database, plans.plans, plans.reader, given.now),
        telemetry.Telemetry(given.database, around.sink or telling.told(around.bus), given.new_id),
        kept,
        given.now,
        around.leads,
    )
    return Dispatching(answers, kept, work_door.WorkDoor(answers), watch, paces)
