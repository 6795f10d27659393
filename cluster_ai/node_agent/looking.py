"""All that is read of this machine, kept as it was read last: heartbeats ask for it, and whoever asks the agent."""

import asyncio
from collections.abc import Callable

from cluster_ai.core.paths import Home
from cluster_ai.node_agent.beat import Now
from cluster_ai.node_agent.engine import Engines
from cluster_ai.node_agent.gauges import Dials
from cluster_ai.node_agent.inventory import Stocktaking, here
from cluster_ai.node_agent.services import Status, Workers
from cluster_ai.nodes.inventory import Inventory
from cluster_ai.nodes.types import MOST_INSTANCES, WorkerShare

Shares = Callable[[Inventory], WorkerShare]
"""What workers of a machine get that is made so."""


class Look:
    """Reads for the heartbeat alone: what is a rate would mean little if others read in between."""

    def __init__(self, taking: Stocktaking, dials: Dials, engines: Engines, workers: Workers, share: Shares) -> None:
        self._taking = taking
        self._dials = dials
        self._engines = engines
        self._workers = workers
        self._share = share
        self.inventory: Inventory | None = None
        self.now: Now | None = None

    async def take(self) -> Inventory:
        self.inventory = await self._taking.take()
        return self.inventory

    async def share(self) -> WorkerShare:
        """What Dask's workers get here when they are started."""
        return self._share(self.inventory or await self.take())

    async def read(self) -> Now:
        gauges, workers, _ = await asyncio.gather(self._dials.read(), self._workers.look(), self._engines.look())
        models = self._engines.found.models if self._engines.found else ()
        services = (*self._engines.services(), *workers)[:MOST_INSTANCES]
        self.now = Now(gauges, services, models, await self.share())
        return self.now

    def silent(self) -> dict[str, str]:
        """Sensors that say nothing, and why."""
        return self._taking.silent() | self._dials.silent()


def look_at(home: Home, engines: Engines, status: Status, share: Shares, *, version: str) -> Look:
    """This machine. Blocks."""
    place = here(home.models, home.root)
    return Look(Stocktaking(place, version=version), Dials(place), engines, Workers(status), share)
