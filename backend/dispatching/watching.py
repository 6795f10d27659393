"""Looks after how tickets get done: incidents, plans that ended, telemetry, figures."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from backend.dispatching.figures import FlowFigures
from cluster_ai.compute.tickets.transport import SchedulerTickets
from cluster_ai.core.bus import Bus
from cluster_ai.core.db import Database
from cluster_ai.core.errors import ClusterError, Unavailable
from cluster_ai.core.loops import every
from cluster_ai.plans import dispatcher, healing, incidents, lines, losing, telemetry
from cluster_ai.plans.tables.turns import counts, late_of

log = structlog.get_logger(__name__)
LASTING: Final = (healing.NO_WORKER, healing.AWAY, healing.STUCK)
FLUSH_SECONDS: Final = 2.0
LOOK_SECONDS: Final = 5.0
SINK_SECONDS: Final = 5.0
SWEEP_SECONDS: Final = 60.0
LINES_SECONDS: Final = 7 * 86_400.0
ENDS: Final = frozenset({"plan.completed", "plan.failed", "plan.cancelled", "plan.compensated"})
NOTHING: Final = healing.Past()


@dataclass(slots=True)
class Watch:
    """``by_status`` and ``last`` are as of the last look."""

    database: Database
    bus: Bus
    flow: losing.Flow
    desk: SchedulerTickets
    incidents: incidents.Incidents
    consolidation: telemetry.Consolidation
    telemetry: telemetry.Telemetry
    lines: lines.Lines
    now: Any
    leads: Callable[[], int] = lambda: 1
    """Our term's epoch; 0 while another head leads."""
    figures: FlowFigures = field(default_factory=FlowFigures)
    by_status: Mapping[str, int] = field(default_factory=dict)
    last: dispatcher.Picture | None = None
    _past: healing.Past = NOTHING
    _epoch: int = 0

    async def seen(self, picture: dispatcher.Picture) -> None:
        """What a tick of the dispatcher saw: what is wrong with it is told, and what can be mended is mended."""
        await self._look_anew()
        self.last = picture
        self.figures.consumed.inc(picture.given)
        found, self._past = healing.lasting(picture, self._past)
        for one in healing.never_begun(picture):
            message = f"{one.worker} did not begin it"
            if await self.flow.lose(one.ticket_id, one.attempt, code="never_begun", message=message):
                await self._cancel(one.ticket_id, one.attempt, one.worker)
        await self.incidents.lasting(LASTING, found, now=picture.at)

    def open_kinds(self) -> dict[str, int]:
        return self.incidents.open_kinds

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listens, sums up and sends inside the block."""
        await self.incidents.load()
        loops = (
            self._listen(),
            every(FLUSH_SECONDS, self._flush, name="telemetry"),
            every(LOOK_SECONDS, self._look, name="tickets by status"),
            every(SWEEP_SECONDS, self._sweep, name="incidents"),
        )
        tasks = [asyncio.create_task(loop) for loop in loops]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # -- inside

    async def _look_anew(self) -> None:
        """With each term: another head has opened and closed incidents meanwhile."""
        if (epoch := self.leads()) != self._epoch:
            await self.incidents.load()
            self._past, self._epoch = NOTHING, epoch

    async def _listen(self) -> None:
        with self.bus.subscribe("ticket", "plan", bound=4096) as subscription:
            async for message in subscription:
                if message.is_foreign:
                    # The head where it happened looks after it.
                    continue
                event = message.data
                try:
                    await self._heard(str(event["type"]), str(event["subject"]), event["data"])
                except ClusterError as exc:
                    log.warning("what happened to a ticket was not looked into", code=exc.code, reason=exc.message)

    async def _heard(self, kind: str, subject: str, data: Mapping[str, Any]) -> None:
        if kind in ENDS:
            await self._sum_up(subject)
        elif kind == "plan.submitted":
            self.figures.persisted.inc(int(data.get("tickets", 0)))
        elif kind.startswith("ticket."):
            await self._of_ticket(kind, subject, data)

    async def _of_ticket(self, kind: str, subject: str, data: Mapping[str, Any]) -> None:
        found = healing.of_event(kind, subject, data)
        if found is not None:
            await self.incidents.found(found, now=self.now())
        if kind in {"ticket.retrying", "ticket.failed", "ticket.dead_lettered"}:
            self.figures.errors.labels(str(data.get("task_type", ""))).inc()
        if healing.is_over(data):
            await self.incidents.over(subject, now=self.now())

    async def _sum_up(self, plan_id: str) -> None:
        summed = await self.consolidation.of(plan_id)
        if summed is None:
            return
        if summed.broken:
            finding = healing.Finding(healing.INTEGRITY, plan_id, summed.broken, plan_id, "none: somebody must look")
            await self.incidents.found(finding, now=self.now())
        async with self.database.read() as connection:
            late = await late_of(connection, plan_id)
        self.figures.ended(summed.record, late)
        await self.telemetry.put(summed.record, self.now())

    async def _flush(self) -> None:
        if not self.leads():
            return
        try:
            self.figures.published.inc(await self.telemetry.flush(self.now()))
        except Unavailable as exc:
            log.warning("telemetry stays where it is", reason=exc.message)
            return
        away = self.telemetry.away_since
        is_down = away is not None and self.now() - away > SINK_SECONDS
        found = healing.Finding(healing.BUS_DOWN, "telemetry", self.telemetry.why, repair="kept for an hour")
        await self.incidents.lasting((healing.BUS_DOWN,), (found,) if is_down else (), now=self.now())

    async def _look(self) -> None:
        async with self.database.read() as connection:
            self.by_status = await counts(connection)

    async def _sweep(self) -> None:
        if self.leads():
            await self.incidents.load()
            await self.incidents.sweep(self.now())
        await asyncio.to_thread(self.lines.sweep, self.now() - LINES_SECONDS)

    async def _cancel(self, ticket_id: str, attempt: int, worker: str) -> None:
        try:
            await self.desk.cancel(ticket_id, attempt, worker)
        except Unavailable as exc:
            log.info("an attempt that was taken back may still be carried", ticket=ticket_id, reason=exc.message)
