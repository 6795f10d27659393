"""What people ask of budgets: as they stand, as they stood, in a window of their own, made anew."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from cluster_ai.core.wire import View
from cluster_ai.slo import bucket_tables, tables
from cluster_ai.slo.burn import Goal, burn_rate, eaten
from cluster_ai.slo.given import Given
from cluster_ai.slo.objectives import Objectives
from cluster_ai.slo.promql import Promql
from cluster_ai.slo.summing import Summing
from cluster_ai.slo.types import HOUR, BudgetView, BurnView, ObjectiveView, Source, Status

TRIED_SECONDS: Final = HOUR
Last = Callable[[], Mapping[str, BudgetView]]


class Summary(View):
    """All objectives at a glance. ``worst``: the one with the least left."""

    objectives: int = 0
    by_status: dict[str, int] = {}  # noqa: RUF012 - pydantic copies it
    firing: int = 0
    """Alerts that fire now."""
    freezes: int = 0
    worst: BudgetView | None = None
    calculated_at: float | None = None


class Tried(View):
    """What an objective's query finds in the last hour. ``problem`` is empty when it can be asked."""

    good: float = 0.0
    valid: float = 0.0
    sli_value: float | None = None
    window_seconds: int = TRIED_SECONDS
    problem: str = ""


class Past(View):
    """How an objective stood at some moment."""

    calculated_at: float
    sli_value: float | None = None
    total: float
    consumed: float
    remaining: float | None = None
    status: Status
    burn_rates: tuple[BurnView, ...] = ()
    violations: int = 0


class Asking:
    """Answers from the last evaluation where it can. ``last`` answers its budgets, by objective."""

    def __init__(self, given: Given, objectives: Objectives, last: Last, promql: Promql) -> None:
        self._given = given
        self._objectives = objectives
        self._last = last
        self._summing = Summing(given.database)
        self._promql = promql

    async def budgets(self, *, status: Status | None = None, service_name: str = "") -> tuple[BudgetView, ...]:
        """Of every objective that is switched on, by id."""
        return tuple(
            one
            for _, one in sorted(self._last().items())
            if (status is None or one.status is status) and (not service_name or one.service_name == service_name)
        )

    async def summary(self, *, freezes: int) -> Summary:
        """All of them at a glance."""
        found = self._last().values()
        return Summary(
            objectives=len(found),
            by_status=dict(Counter(one.status.value for one in found)),
            firing=sum(one.violations for one in found),
            freezes=freezes,
            worst=_worst(found),
            calculated_at=max((one.calculated_at for one in found), default=None),
        )

    async def budget(self, slo_id: str) -> BudgetView:
        """How one stands.

        Raises:
            SloNotFound: there is no such objective.
        """
        view = await self._objectives.get(slo_id)
        known = self._last().get(slo_id)
        return known or await self._made(view)

    async def recalculated(self, slo_id: str) -> BudgetView:
        """The same made anew: hours from their minutes, minutes from Prometheus where they come from there.

        Raises:
            SloNotFound: there is no such objective.
        """
        view, now = await self._objectives.get(slo_id), self._given.now()
        if view.objective.sli_query.source is Source.PROMETHEUS:
            await self._promql.again(slo_id, view.objective, now)
        async with self._given.database.transaction() as connection:
            await bucket_tables.sum_all_hours(connection, slo_id, view.objective, now)
        return await self._made(view)

    async def history(self, slo_id: str, *, before: float, limit: int) -> tuple[Past, ...]:
        """How it stood, the newest first. Raises as ``budget``."""
        await self._objectives.get(slo_id)
        async with self._given.database.read() as connection:
            rows = await tables.budget_history(connection, slo_id, before=before, limit=limit)
        return tuple(map(Past.model_validate, rows))

    async def burn(self, slo_id: str, *, seconds: int) -> BurnView:
        """The burn rate of a window of whole minutes. Raises as ``budget``."""
        view = await self._objectives.get(slo_id)
        objective = view.objective
        tally = await self._summing.window(view, seconds, self._given.now())
        goal = Goal(objective.target, objective.period_seconds)
        rate = burn_rate(tally, goal)
        return BurnView(
            window_seconds=seconds,
            good=tally.good,
            valid=tally.valid,
            burn_rate=rate,
            eaten=eaten(rate, seconds, goal.period),
        )

    async def tried(self, slo_id: str) -> Tried:
        """What its query finds.

        Raises:
            SloNotFound: there is no such objective.
            ClusterError: Prometheus cannot be asked, or refuses the query.
        """
        view = await self._objectives.get(slo_id)
        objective = view.objective
        if objective.sli_query.source is Source.PROMETHEUS:
            tally = await self._promql.tally(objective.sli_query, TRIED_SECONDS, self._given.now())
        else:
            tally = await self._summing.window(view, TRIED_SECONDS, self._given.now())
        ratio = tally.error_ratio
        problem = "" if tally.valid else "nothing happened in the last hour"
        return Tried(
            good=tally.good, valid=tally.valid, sli_value=None if ratio is None else 1 - ratio, problem=problem
        )

    async def _made(self, view: ObjectiveView) -> BudgetView:
        return (await self._summing.standings({view.slo_id: view}, self._given.now()))[view.slo_id]


def _worst(found: Iterable[BudgetView]) -> BudgetView | None:
    known = [one for one in found if one.remaining is not None]
    return min(known, key=lambda one: one.remaining or 0.0, default=None)
