"""Newer versions of this head's program. They are applied at the machine itself: the API would end in the middle."""

from fastapi import APIRouter

from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from backend.updates_room import opened
from cluster_ai.ops.updates.types import UpdatesView

router = APIRouter(route_class=PolicedRoute, tags=["updates"])


@router.get(f"{API}/program/updates")
async def program_updates(plane: ThePlane, _caller: TheCaller) -> UpdatesView:
    """What runs, what could, and how the last update went."""
    return await opened(plane.updates).view()
