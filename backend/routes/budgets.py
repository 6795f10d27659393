"""What is left of each objective's error budget, and how fast it is spent."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.core.wire import View
from cluster_ai.slo.asking import Past, Summary
from cluster_ai.slo.types import HOUR, MOST_DAYS, BudgetView, BurnView, SloId, Status

router = APIRouter(route_class=PolicedRoute, tags=["slo"])

ThisSlo = Annotated[SloId, Path()]
LATEST = 1e12
"""Beyond any moment, in Unix seconds."""


class BudgetList(View):
    items: tuple[BudgetView, ...]


class History(View):
    """The newest first. ``next`` is the ``before`` of the page that follows; None on the last."""

    items: tuple[Past, ...]
    next: float | None = None


@router.get(f"{API}/budgets")
async def budgets(
    plane: ThePlane,
    _caller: TheCaller,
    status: Status | None = None,
    service_name: Annotated[str, Query(max_length=128)] = "",
) -> BudgetList:
    """Of every objective that is switched on, as of the last evaluation."""
    return BudgetList(items=await plane.slo.room.budgets.budgets(status=status, service_name=service_name))


# Before the path with an id, which would swallow it.
@router.get(f"{API}/budgets/summary")
async def summary(plane: ThePlane, _caller: TheCaller) -> Summary:
    """All of them at a glance."""
    freezes = await plane.slo.room.freezes.active()
    return await plane.slo.room.budgets.summary(freezes=len(freezes))


@router.get(f"{API}/budgets/{{slo_id}}")
async def budget(slo_id: ThisSlo, plane: ThePlane, _caller: TheCaller) -> BudgetView:
    """One of them."""
    return await plane.slo.room.budgets.budget(slo_id)


@router.post(f"{API}/budgets/{{slo_id}}/recalculate")
async def recalculate(slo_id: ThisSlo, plane: ThePlane, _caller: TheCaller) -> BudgetView:
    """The same, summed up afresh from what is kept, and asked for again where a Prometheus counts."""
    return await plane.slo.room.budgets.recalculated(slo_id)


@router.get(f"{API}/budgets/{{slo_id}}/history")
async def history(
    slo_id: ThisSlo,
    plane: ThePlane,
    _caller: TheCaller,
    before: Annotated[float, Query(ge=0, le=LATEST, allow_inf_nan=False)] = LATEST,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> History:
    """How it stood, each time that it changed and every five minutes."""
    items = await plane.slo.room.budgets.history(slo_id, before=before, limit=limit)
    return History(items=items, next=items[-1].calculated_at if len(items) == limit else None)


@router.get(f"{API}/budgets/{{slo_id}}/burn-rate")
async def burn_rate(
    slo_id: ThisSlo,
    plane: ThePlane,
    _caller: TheCaller,
    window_hours: Annotated[int, Query(ge=1, le=MOST_DAYS * 24)] = 1,
) -> BurnView:
    """How fast the budget was spent in the last hours."""
    return await plane.slo.room.budgets.burn(slo_id, seconds=window_hours * HOUR)
