"""Where every objective stands, made anew every half minute from the sums of its windows."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cluster_ai.core.outbox import Unit, unit
from cluster_ai.slo import bucket_tables, tables
from cluster_ai.slo.burn import Tally
from cluster_ai.slo.freezes import Freezes
from cluster_ai.slo.freezing import Seen
from cluster_ai.slo.given import Given
from cluster_ai.slo.judging import stand
from cluster_ai.slo.objectives import MOST, SloNotFound
from cluster_ai.slo.tables import Page
from cluster_ai.slo.types import (
    DAY,
    HISTORY_DAYS,
    HOUR,
    MINUTE,
    BudgetView,
    Objective,
    ObjectiveView,
    Pace,
    PolicyView,
    Status,
)
from cluster_ai.slo.windows import MINUTES_KEPT, spans, windowed, windows_of

KEPT_EVERY: Final = 300.0
"""A standing that does not change is kept for the history so often, in seconds."""
CLEANED_EVERY: Final = 3600.0
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

    def __init__(self, given: Given, freezes: Freezes) -> None:
        self._given = given
        self._freezes = freezes
        self._kept: dict[str, float] = {}
        self._cleaned = float("-inf")
        self.picture = Picture()

    async def evaluate(self) -> Picture:
        """One round: sums, standings, freezes, events."""
        began, now = time.perf_counter(), self._given.now()
        objectives = await self._objectives()
        found = await self.standings(objectives, now)
        seconds = time.perf_counter() - began
        pages = await self._pages(now)
        async with unit(self._given.database, self._given.tell) as work:
            policies = await tables.all_policies(work.connection, Page(MOST))
            for view in found.values():
                await self._note(work, view, now)
            seen = {slo_id: _seen(view, paged=slo_id in pages) for slo_id, view in found.items()}
            await self._freezes.step(work, policies, objectives, seen)
        before = self.picture
        for slo_id, view in found.items():
            before.evaluations[slo_id, view.status.value] += 1
        self.picture = Picture(objectives, found, policies, seconds, before.evaluations, before.violations)
        if now - self._cleaned >= CLEANED_EVERY:
            await self._clean(tuple(objectives), now)
        return self.picture

    async def standings(self, objectives: Mapping[str, ObjectiveView], now: float) -> dict[str, BudgetView]:
        """Where these stand; the sums of all that are counted alike are read together."""
        found: dict[str, BudgetView] = {}
        alike: dict[tuple[Any, ...], list[str]] = {}
        for slo_id, view in objectives.items():
            alike.setdefault((view.objective.budgeting, view.objective.slice_target), []).append(slo_id)
        async with self._given.database.read() as connection:
            for slo_ids in alike.values():
                first = objectives[slo_ids[0]].objective
                lengths = {one for slo_id in slo_ids for one in windows_of(objectives[slo_id].objective)}
                sums = await bucket_tables.sums(connection, first, slo_ids, spans(now, lengths))
                for slo_id in slo_ids:
                    objective = objectives[slo_id].objective
                    found[slo_id] = stand(slo_id, objective, _windows(now, objective, sums[slo_id]), now=now)
        return found

    async def window(self, slo_id: str, seconds: int) -> Tally:
        """What happened in the last ``seconds``.

        Raises:
            SloNotFound: there is no such objective.
        """
        now = self._given.now()
        async with self._given.database.read() as connection:
            view = await tables.objective(connection, slo_id)
            if view is None:
                raise SloNotFound(f"no objective is called {slo_id}", hint="cluster-ai slo list")
            sums = await bucket_tables.sums(connection, view.objective, [slo_id], spans(now, (seconds,)))
        return windowed(now, (seconds,), sums[slo_id])[seconds]

    async def _objectives(self) -> dict[str, ObjectiveView]:
        async with self._given.database.read() as connection:
            rows = await tables.objectives(connection, Page(MOST), {"enabled": True})
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

    async def _clean(self, slo_ids: tuple[str, ...], now: float) -> None:
        """Drops what is older than anybody asks for."""
        self._cleaned = now
        oldest = {slo_id: self.picture.objectives[slo_id].objective.window_days for slo_id in slo_ids}
        async with self._given.database.transaction() as connection:
            await bucket_tables.forget(connection, slo_ids, width=MINUTE, before=int(now) - MINUTES_KEPT - 2 * HOUR)
            for days in sorted(set(oldest.values())):
                some = [slo_id for slo_id in slo_ids if oldest[slo_id] == days]
                before = int(now) - (days + HISTORY_DAYS) * DAY
                await bucket_tables.forget(connection, some, width=HOUR, before=before)
            await tables.forget_budgets(connection, before=now - 2 * HISTORY_DAYS * DAY)
            await tables.forget_receipts(connection, before=now - HISTORY_DAYS * DAY)


def firing(view: BudgetView, severity: str) -> bool:
    """Whether any alert of that severity fires."""
    return any(one.fires and one.severity == severity for one in view.alerts)


def _windows(now: float, objective: Objective, sums: Mapping[Any, Tally]) -> dict[int, Tally]:
    return windowed(now, windows_of(objective), sums)


def _seen(view: BudgetView, *, paged: bool) -> Seen:
    """An alert that pages somebody weighs as much as the fastest pace."""
    pace: Iterable[Pace] = (view.pace, Pace.CRITICAL) if paged else (view.pace,)
    return Seen(view.remaining, max(pace, key=tuple(Pace).index))
