"""C5 and C6: a plan that ended is checked and summed up, and what is known of its flow goes on to whoever collects it.

The record is stored before it is sent, so that a sink that is away loses nothing: it waits up to an hour, and never
more than ``MOST`` of them.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from cluster_ai.core.db import Database
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.events import Event
from cluster_ai.plans.reading import Reader
from cluster_ai.plans.service import Plans
from cluster_ai.plans.tables import incidents as tables
from cluster_ai.plans.tables import turns
from cluster_ai.plans.types import ChainBroken, NoSuchPlan, PlanView

log = structlog.get_logger(__name__)
MOST: Final = 10_000
KEPT_SECONDS: Final = 3600.0
BATCH: Final = 200

FLOW: Final = "telemetry.flow"
Sink = Callable[[Sequence[Event]], Awaitable[None]]
"""Takes records as events of type ``telemetry.flow`` about plans; raises ``Unavailable`` when it cannot.

It may be given the same one again, with the same id: when it took it, and nobody could note that.
"""


@dataclass(frozen=True, slots=True)
class Summed:
    """A plan that ended. ``broken``: what does not fit in its histories or results; empty when all does."""

    plan: PlanView
    record: dict[str, Any]
    broken: str = ""


class Consolidation:
    """C5."""

    def __init__(self, database: Database, plans: Plans, reader: Reader, clock: Callable[[], float]) -> None:
        self._database = database
        self._plans = plans
        self._reader = reader
        self._clock = clock

    async def of(self, plan_id: str) -> Summed | None:
        """Checks every seal and result, and notes how long its steps took; None when it is gone already."""
        began = self._clock()
        try:
            broken = await self._broken(plan_id)
            plan = await self._reader.plan(plan_id)
            async with self._database.read() as connection:
                first, last = await turns.span_of(connection, plan_id)
            steps = _steps(plan, first, last) | {"c5": round((self._clock() - began) * 1000, 3)}
            await self._plans.note_steps(plan_id, steps)
        except NoSuchPlan:
            return None
        return Summed(plan, _record(plan, dict(plan.steps) | steps, broken), broken)

    async def _broken(self, plan_id: str) -> str:
        try:
            await self._reader.verify(plan_id)
        except ChainBroken as exc:
            return exc.message
        return ""


class Telemetry:
    """C6. ``size``: records that wait, as of the last look; ``dropped``: those that waited for too long."""

    def __init__(self, database: Database, sink: Sink, new_id: Callable[[], str]) -> None:
        self._database = database
        self._sink = sink
        self._new_id = new_id
        self.size = 0
        self.published = 0
        self.dropped = 0
        self.away_since: float | None = None
        self.why = ""

    async def put(self, record: dict[str, Any], now: float) -> None:
        """It is durable when this comes back, and goes as soon as it can."""
        async with self._database.transaction() as connection:
            await tables.keep(connection, self._new_id(), record, now)
        self.size += 1

    async def flush(self, now: float) -> int:
        """Sends what waits; answers how many went."""
        gone = 0
        while True:
            async with self._database.read() as connection:
                rows = await tables.waiting(connection, BATCH)
                self.size = await tables.size(connection)
            if not rows:
                self.away_since, self.why = None, ""
                return gone
            try:
                await self._sink(
                    [Event(row_id, FLOW, str(body.get("plan_id", "")), body, at) for row_id, body, at in rows]
                )
            except ClusterError as exc:
                self.away_since = now if self.away_since is None else self.away_since
                self.why = exc.message
                await self._trim(now)
                return gone
            async with self._database.transaction() as connection:
                await tables.sent(connection, [row_id for row_id, _, _ in rows])
            gone += len(rows)
            self.published += len(rows)

    async def _trim(self, now: float) -> None:
        if self.size == 0:
            return
        async with self._database.transaction() as connection:
            lost = await tables.trim(connection, before=now - KEPT_SECONDS, most=MOST)
        self.dropped += lost
        if lost:
            log.warning("telemetry was dropped: its sink is away for too long", records=lost)


def _steps(plan: PlanView, first: float | None, last: float | None) -> dict[str, float]:
    """Milliseconds until the first lease, and from there to the end of the last attempt."""
    if first is None:
        return {}
    ended = last if last is not None else plan.finished_at
    return {
        "c3": round(max(0.0, first - plan.created_at) * 1000, 3),
        "c4": round(max(0.0, (ended or first) - first) * 1000, 3),
    }


def _record(plan: PlanView, steps: dict[str, float], broken: str) -> dict[str, Any]:
    finished = plan.finished_at if plan.finished_at is not None else plan.updated_at
    return {
        "type": FLOW,
        "plan_id": plan.plan_id,
        "correlation_id": plan.correlation_id,
        "trace_id": plan.trace_id,
        "status": plan.status.value,
        "at": finished,
        "seconds": round(finished - plan.created_at, 3),
        "steps": steps,
        "tickets": plan.tickets,
        "succeeded": plan.succeeded,
        "failed": plan.failed,
        "cancelled": plan.cancelled,
        "error_code": plan.error_code,
        "intact": not broken,
    }
