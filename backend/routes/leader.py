"""Which of several heads leads."""

from fastapi import APIRouter

from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.election.types import TermView

router = APIRouter(route_class=PolicedRoute, tags=["cluster"])


@router.get(f"{API}/cluster")
async def leader(plane: ThePlane, _caller: TheCaller) -> TermView:
    """Which head leads, and whether it is the one that answers; as of its last look, a few seconds old at most."""
    return plane.term.view()
