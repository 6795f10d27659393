"""Looking around the networks that the head is on: begun, followed, cancelled, and what was found made use of."""

from typing import Annotated

from fastapi import APIRouter, Path

from backend.deeds import recorded
from backend.lookout import TheLookout
from backend.policy import API
from backend.registry.callers import claim_of
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.nodes.discovery.lookout import Instance, Taking
from cluster_ai.nodes.discovery.orders import SearchOrder
from cluster_ai.nodes.discovery.views import DiscoveryList, DiscoveryView

router = APIRouter(route_class=PolicedRoute, tags=["machines"])

ThisDiscovery = Annotated[str, Path(pattern=r"^[0-9a-f-]{36}$")]


@router.get(f"{API}/discoveries")
async def discoveries(lookout: TheLookout, _caller: TheCaller) -> DiscoveryList:
    """Searches of this head, and the networks that it may look at."""
    return await lookout.listed()


@router.post(f"{API}/discoveries", status_code=202)
async def discover(wanted: SearchOrder, plane: ThePlane, lookout: TheLookout, caller: TheCaller) -> DiscoveryView:
    """Begins to look around. One search at a time; it goes on when the caller leaves."""
    async with recorded(plane, caller, action="discover_network", subject=str(wanted)):
        search = await lookout.searches.start(wanted, by=caller.principal.name)
    return lookout.view(search)


@router.get(f"{API}/discoveries/{{discovery}}")
async def discovery(discovery: ThisDiscovery, lookout: TheLookout, _caller: TheCaller) -> DiscoveryView:
    """How far it is, and what was found so far."""
    return lookout.view(lookout.searches.get(discovery))


@router.delete(f"{API}/discoveries/{{discovery}}")
async def cancel(discovery: ThisDiscovery, plane: ThePlane, lookout: TheLookout, caller: TheCaller) -> DiscoveryView:
    """Ends it when it has not ended by itself; what it found stays for a while."""
    async with recorded(plane, caller, action="cancel_discovery", subject=discovery):
        search = await lookout.searches.cancel(discovery)
    return lookout.view(search)


@router.post(f"{API}/discoveries/{{discovery}}/taken", status_code=201)
async def take(
    discovery: ThisDiscovery, wanted: Taking, plane: ThePlane, lookout: TheLookout, caller: TheCaller
) -> Instance:
    """Registers a found service as an instance. It does not beat itself: the head looks whether it answers."""
    async with recorded(plane, caller, action="take_service", subject=f"{wanted.address} {wanted.port}"):
        return lookout.take(discovery, wanted, claim_of(caller))
