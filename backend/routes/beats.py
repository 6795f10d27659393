"""The registry's busiest calls: signs of life, and discovery."""

from typing import Annotated

from fastapi import APIRouter, Path

from backend.policy import API
from backend.quick import QuickRoute
from backend.registry.callers import claim_of
from backend.routed import TheCaller, ThePlane
from cluster_ai.core.wire import Name, View
from cluster_ai.registry.types import Query, Ranked, Renewal, Renewed

router = APIRouter(route_class=QuickRoute, tags=["registry"])

ThisInstance = Annotated[Name, Path()]


class Found(View):
    """The best first."""

    items: tuple[Ranked, ...]


@router.put(f"{API}/registry/instances/{{instance}}/heartbeat")
async def renew(instance: ThisInstance, said: Renewal, plane: ThePlane, caller: TheCaller) -> Renewed:
    """A sign of life. 404 with ``unknown_instance``: the registry does not know it (any more), it must register."""
    return plane.registry.renew(instance, said, claim_of(caller))


@router.post(f"{API}/registry/discover")
async def discover(query: Query, plane: ThePlane, caller: TheCaller) -> Found:  # noqa: ARG001 - every quick one is told
    """The best ``top`` that fit, healthy ones unless ``states`` says otherwise, each with its score by part."""
    return Found(items=plane.registry.discover(query))
