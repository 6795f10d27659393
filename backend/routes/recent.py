"""The last minutes, for charts."""

from typing import Annotated

from fastapi import APIRouter, Query

from backend.policy import API
from backend.recent import RecentView
from backend.routed import PolicedRoute, TheCaller, ThePlane

router = APIRouter(route_class=PolicedRoute, tags=["metrics"])


@router.get(f"{API}/metrics/recent")
async def recent(plane: ThePlane, _caller: TheCaller, minutes: Annotated[int, Query(ge=1, le=60)] = 15) -> RecentView:
    """What this head saw in the last minutes; kept in memory, so that it begins anew with each start."""
    return plane.recent.view(minutes=minutes)
