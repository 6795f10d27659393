"""The cluster's nodes as places for models: the gateway's own account of them, and what machines tell of their room."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

import aiohttp

from backend.live import Live
from backend.model_rooms import addresses_of, door_of, place_of
from cluster_ai.catalog.at_node import AtNode
from cluster_ai.catalog.names import Door, Names
from cluster_ai.catalog.places import NodeModels, Place
from cluster_ai.core.errors import NotFound, Unavailable
from cluster_ai.gateway.types import UpstreamKind
from cluster_ai.nodes.fleet import Fleet


@dataclass(frozen=True, slots=True)
class ModelNodes:
    """``plain`` reaches nodes of the configuration, ``machines`` the doors of machines under mutual TLS."""

    live: Live
    fleet: Fleet
    plain: aiohttp.ClientSession
    machines: aiohttp.ClientSession | None

    def places(self) -> tuple[Place, ...]:
        """As the last picture has them; none before there is one."""
        try:
            picture = self.live.overview()
        except Unavailable:
            return ()
        known = {one.machine.name: one for one in self.fleet.all()}
        return tuple(place_of(node, picture, known.get(node.name)) for node in picture.nodes)

    def at(self, node: str) -> NodeModels:
        """What can be done at a node.

        Raises:
            NotFound: there is none of that name.
        """
        found = self.live.node(node)
        if found.kind is not UpstreamKind.MACHINE:
            return AtNode(node, found.url, self.plain, {})
        if self.machines is None:
            raise NotFound(f"{node} is a machine, and this head has no door for machines")
        return AtNode(node, found.url, self.machines, self._doors())

    def _doors(self) -> Mapping[str, Door]:
        return {one.machine.name: door_of(one) for one in self.fleet.all()}


@asynccontextmanager
async def model_nodes(live: Live, fleet: Fleet, tls: ssl.SSLContext | None) -> AsyncIterator[ModelNodes]:
    """The nodes, with connections of their own while the block runs; ``tls`` shows the head's certificate."""
    async with AsyncExitStack() as stack:
        plain = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
        machines = None
        if tls is not None:
            names = Names(lambda: addresses_of(fleet.all()))
            connector = aiohttp.TCPConnector(ssl=tls, resolver=names, limit=0, use_dns_cache=False)
            machines = await stack.enter_async_context(aiohttp.ClientSession(connector=connector, trust_env=False))
        yield ModelNodes(live, fleet, plain, machines)
        with suppress(asyncio.CancelledError):
            # Connections under TLS take a turn of the loop to close.
            await asyncio.sleep(0)
