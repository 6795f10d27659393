"""Models that nobody has asked for in a long time."""

from typing import Annotated

from fastapi import APIRouter, Query

from backend.model_unused import unused_models
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.catalog.types import UnusedModels

router = APIRouter(route_class=PolicedRoute, tags=["catalog"])


@router.get(f"{API}/unused")
async def unused(
    plane: ThePlane, _caller: TheCaller, *, days: Annotated[int, Query(ge=1, le=3650)] = 30
) -> UnusedModels:
    """By node: not asked for at the gateway, and not changed, in that many days; not in memory, not pinned."""
    return await unused_models(plane, days)
