"""What machines draw, what it costs, and how many tokens it yields."""

from typing import Annotated

from fastapi import APIRouter, Query

from backend.machines.powering import power_of
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from backend.routes.usage import Day
from cluster_ai.nodes.views import PowerView

router = APIRouter(route_class=PolicedRoute, tags=["machines"])


@router.get(f"{API}/power")
async def power(
    plane: ThePlane,
    _caller: TheCaller,
    *,
    first: Annotated[Day | None, Query()] = None,
    last: Annotated[Day | None, Query()] = None,
) -> PowerView:
    """Energy from one day to another, both with (UTC): thirty days until today when not said, 366 at most."""
    return await power_of(plane, first or "", last or "")
