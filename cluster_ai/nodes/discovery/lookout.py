"""What the head does with its surroundings for people: looks around, shows it, and looks after what they took."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cluster_ai.nodes.discovery.errors import NothingThere
from cluster_ai.nodes.discovery.keeping import Keeper
from cluster_ai.nodes.discovery.searches import Means, Search, Searches
from cluster_ai.nodes.discovery.taking import Taking, taken
from cluster_ai.nodes.discovery.types import Service
from cluster_ai.nodes.discovery.views import DiscoveryList, DiscoveryView, view_of
from cluster_ai.registry.service import Claim, Registry
from cluster_ai.registry.types import Instance

__all__ = ["Instance", "Lookout", "Means", "Taking", "opened"]


@dataclass(frozen=True, slots=True)
class Lookout:
    """Searches, and the services that were taken from them."""

    searches: Searches
    keeper: Keeper

    def view(self, search: Search) -> DiscoveryView:
        """As it is now."""
        return view_of(search, self.keeper.ids())

    async def listed(self) -> DiscoveryList:
        """All that are kept, and where one could look now."""
        scope = (await self.searches.around()).scope
        return DiscoveryList(
            items=tuple(map(self.view, self.searches.all())),
            networks=tuple(str(one.network) for one in scope.networks),
            left_out=scope.left_out,
        )

    def take(self, search_id: str, wanted: Taking, claim: Claim) -> Instance:
        """A found service becomes an instance of the registry.

        Raises:
            NoSuchDiscovery: the search is forgotten.
            NothingThere: it found nothing there.
            NotToBeTaken, TooManyTaken, IdTaken, RegistryFull: it can be none.
        """
        service = self._service(search_id, wanted)
        one = taken(wanted.address, service, name=wanted.name, owner=claim.owner)
        return self.keeper.take(one, over_all=claim.over_all)

    def _service(self, search_id: str, wanted: Taking) -> Service:
        found = self.searches.get(search_id).gathered.found()
        there = (service for one in found if one.address == wanted.address for service in one.services)
        service = next((service for service in there if service.port == wanted.port), None)
        if service is None:
            where = f"{wanted.address} port {wanted.port}"
            raise NothingThere(f"this search found nothing at {where}", hint="look at that address once more")
        return service


@asynccontextmanager
async def opened(means: Means, registry: Registry, clock: Callable[[], float]) -> AsyncIterator[Lookout]:
    """With its loops; a search ends with the block. ``clock`` is monotonic."""
    async with Searches(means).running() as searches, Keeper(registry, clock=clock).running() as keeper:
        yield Lookout(searches, keeper)
