"""The head's own services in the registry: each as long as it gives a sign of life, as any other instance."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from backend.plane import Plane
from backend.registry.keeping import Keeper, engine_words
from backend.snapshot import ALIVE
from cluster_ai.core.errors import Unavailable
from cluster_ai.core.loops import every
from cluster_ai.gateway.types import UpstreamKind
from cluster_ai.nodes.types import InstanceKind
from cluster_ai.registry.service import Claim
from cluster_ai.registry.types import MOST_WORDS, Registration
from cluster_ai.views import NodeView, OverviewView, SystemView

OWNER: Final = Claim("head")
LEASE_SECONDS: Final = 10.0
API: Final = "head:api"
GATEWAY: Final = "head:gateway"
DASK: Final = "head:dask-dashboard"


class OwnServices:
    """Looks at the live picture; what is seen alive there has beaten."""

    def __init__(self, plane: Plane, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._live = plane.live
        self._lease = lease_seconds
        self._keeper = Keeper(plane.registry, OWNER)
        self._looked: float | None = None

    async def tick(self) -> None:
        """Renews what lives. A service that is silent is left to its lease, as everybody's is."""
        try:
            picture = self._live.overview()
        except Unavailable:
            # The first one is being made.
            return
        self._keeper.keep(self._api(picture.system))
        if picture.at == self._looked:
            # An old picture is no sign of life of anybody but this process.
            return
        self._looked = picture.at
        for wanted, well in self._seen(picture):
            self._keeper.keep(wanted, well=well)
        self._keeper.end_others(but={API, GATEWAY, DASK, *(_node_id(node) for node in _own_nodes(picture))})

    def leave(self) -> None:
        """Takes all of them out."""
        self._keeper.end_others()

    def _seen(self, picture: OverviewView) -> Iterator[tuple[Registration, bool]]:
        """What lives, and whether it wants to be chosen."""
        at = picture.system.endpoints
        if picture.gateway_reachable:
            words = ("gateway", "ollama-api", "openai-api", "anthropic-api")
            yield self._service(picture.system, GATEWAY, "gateway", at.gateway, *words), True
            for node in _own_nodes(picture):
                if node.state in ALIVE:
                    yield self._engine(node), not node.draining
        if picture.compute.reachable:
            yield self._service(picture.system, DASK, "dask-dashboard", at.dask_dashboard, "dask-dashboard"), True

    def _api(self, system: SystemView) -> Registration:
        return self._service(system, API, "api", system.endpoints.api, "management-api")

    def _service(self, system: SystemView, instance: str, name: str, url: str, *words: str) -> Registration:
        return Registration(
            id=instance,
            kind=InstanceKind.SERVICE.value,
            name=name,
            url=url,
            version=system.version,
            capabilities=frozenset(words),
            lease_seconds=self._lease,
        )

    def _engine(self, node: NodeView) -> Registration:
        models = ((model.name, model.loaded) for model in node.models)
        return Registration(
            id=_node_id(node),
            kind=InstanceKind.ENGINE.value,
            name=node.name,
            url=node.url,
            version=node.version,
            capabilities=engine_words(models, most=MOST_WORDS),
            metadata={"engine": node.kind.value},
            lease_seconds=self._lease,
        )


def _own_nodes(picture: OverviewView) -> Iterator[NodeView]:
    """Nodes that no machine of the LAN brings: those tell of themselves."""
    return (node for node in picture.nodes if node.kind is not UpstreamKind.MACHINE)


def _node_id(node: NodeView) -> str:
    return f"head:node:{node.name}"


@asynccontextmanager
async def own_services(plane: Plane, *, tick_seconds: float) -> AsyncIterator[None]:
    """The head's services stand in its registry while the block runs."""
    own = OwnServices(plane, lease_seconds=max(LEASE_SECONDS, 5 * tick_seconds))
    loop = asyncio.create_task(every(tick_seconds, own.tick, name="own services"))
    try:
        yield
    finally:
        loop.cancel()
        with suppress(asyncio.CancelledError):
            await loop
        own.leave()
