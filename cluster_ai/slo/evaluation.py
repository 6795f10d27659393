"""Where every objective stands, made anew every half minute from the sums of its windows."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from cluster_ai.core.outbox import Unit, unit
from cluster_ai.slo import tables
from cluster_ai.slo.freezes import Freezes
from cluster_ai.slo.freezing import Seen
from cluster_ai.slo.given import Given
from cluster_ai.slo.keeping import clean
from cluster_ai.slo.summing import Summing
from cluster_ai.slo.types import HOUR, BudgetView, ObjectiveView, Pace, PolicyView, Status

KEPT_EVERY: Final = 300.0
"""A standing that does not change is kept for the history so often, in seconds."""
CLEANED_EVERY: Final = 3600.0
MOST: Final = 500
ALERT_BELIEVED: Final = 86_400.0
"""An alert of somebody else's that was not heard for so long is no longer believed to fire."""


@dataclass(slots=True)
class Picture:
    """The last evaluation. It lives in memory: it can be made anew at any time."""

    objectives: dict[str, ObjectiveView] = field(default_factory=dict)
    budgets: dict[str, BudgetView] = field(default_factory=dict)
    policies: tuple[PolicyView, ...] = ()
    seconds: float = 0.0
    """What it took."""
    evaluations: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By objective and status, since this process began."""
    violations: Counter[str] = field(default_factory=Counter)


class Evaluation:
    """Owns the picture; ``evaluate`` is what a loop calls."""

    def __init__(self, given: Given, freezes: Freezes, summing: Summing) -> None:
        self._given = given
        self._summing = summing
        self._freezes = freezes
        self._kept: dict[str, float] = {}
        self._cleaned = float("-inf")
        self.picture = Picture()

    async def evaluate(self) -> Picture:
        """One round: sums, standings, freezes, events."""
        began, now = time.perf_counter(), self._given.now()
        objectives = await self._objectives()
        found = await self._summing.standings(objectives, now)
        seconds = time.perf_counter() - began
        pages = await self._pages(now)
        policies = await self._settled(objectives, found, pages, now)
        before = self.picture
        for slo_id, view in found.items():
            before.evaluations[slo_id, view.status.value] += 1
        self.picture = Picture(objectives, found, policies, seconds, before.evaluations, before.violations)
        if self._given.leads() and now - self._cleaned >= CLEANED_EVERY:
            self._cleaned = now
            await clean(self._given.led, self.picture.objectives, now)
        return self.picture

    async def _settled(
        self, objectives: dict[str, ObjectiveView], found: dict[str, BudgetView], pages: frozenset[str], now: float
    ) -> tuple[PolicyView, ...]:
        """What follows from the standings is done by the head that leads; another one only looks."""
        if not self._given.leads():
            async with self._given.database.read() as connection:
                return await tables.all_policies(connection, tables.Page(MOST))
        async with unit(self._given.led, self._given.tell) as work:
            policies = await tables.all_policies(work.connection, tables.Page(MOST))
            for view in found.values():
                await self._note(work, view, now)
            seen = {slo_id: _seen(view, paged=slo_id in pages) for slo_id, view in found.items()}
            await self._freezes.step(work, policies, objectives, seen)
        return policies

    async def _objectives(self) -> dict[str, ObjectiveView]:
        async with self._given.database.read() as connection:
            rows = await tables.objectives(connection, tables.Page(MOST), {"enabled": True})
        return {view.slo_id: view for view in rows}

    async def _pages(self, now: float) -> frozenset[str]:
        """Objectives for which somebody else's alert rings."""
        async with self._given.database.read() as connection:
            rows = await tables.last_receipts(connection, since=now - ALERT_BELIEVED)
        return frozenset(row["slo_id"] for row in rows if row["status"] == "firing" and row["severity"] == "page")

    async def _note(self, work: Unit, view: BudgetView, now: float) -> None:
        """Tells what is new about an objective, and keeps its standing now and then."""
        before = self.picture.budgets.get(view.slo_id)
        changed = before is None or before.status is not view.status or before.violations != view.violations
        if before is not None:
            self._tell(work, before, view)
        if changed or now - self._kept.get(view.slo_id, 0.0) >= KEPT_EVERY:
            self._kept[view.slo_id] = now
            await tables.add_budget(work.connection, self._given.new_id(), view)

    def _tell(self, work: Unit, before: BudgetView, view: BudgetView) -> None:
        event = self._given.event
        if before.status is not view.status:
            data = {"status": view.status.value, "was": before.status.value, "remaining": view.remaining}
            work.say(event("slo.budget.updated", view.slo_id, **data))
            if view.status is Status.EXHAUSTED:
                self.picture.violations[view.slo_id] += 1
                work.say(event("slo.violated", view.slo_id, remaining=view.remaining, sli=view.sli_value))
        for severity in ("page", "ticket"):
            burnt, burns = firing(before, severity), firing(view, severity)
            if burnt != burns:
                kind = "slo.burn.started" if burns else "slo.burn.cleared"
                rate = next((one.burn_rate for one in view.burn_rates if one.window_seconds == HOUR), None)
                work.say(event(kind, view.slo_id, severity=severity, burn_rate=rate))


def firing(view: BudgetView, severity: str) -> bool:
    """Whether any alert of that severity fires."""
    return any(one.fires and one.severity == severity for one in view.alerts)


def _seen(view: BudgetView, *, paged: bool) -> Seen:
    """An alert that pages somebody weighs as much as the fastest pace."""
    pace: Iterable[Pace] = (view.pace, Pace.CRITICAL) if paged else (view.pace,)
    return Seen(view.remaining, max(pace, key=tuple(Pace).index))
