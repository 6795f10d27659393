"""What this machine does when the head orders it, put together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from cluster_ai.core.paths import Home
from cluster_ai.node_agent.leaving import Stops, leaving_from, shut_door
from cluster_ai.node_agent.ledger import Ledger
from cluster_ai.node_agent.orders import Deeds, Orders, restart_parts
from cluster_ai.node_agent.rebooting import reboot
from cluster_ai.node_agent.upgrading import Installed, installed_in, upgrade
from cluster_ai.nodes.types import Done, Order

log = structlog.get_logger(__name__)
LEDGER: Final = "orders.json"


@dataclass(frozen=True, slots=True)
class Duties:
    """What the agent does for the head."""

    orders: Orders
    installed: Installed

    async def do(self, order: Order) -> Done:
        """As ``Orders.do``."""
        return await self.orders.do(order)

    async def heard(self) -> None:
        """The head has taken in a heartbeat of this version."""
        await asyncio.to_thread(self.installed.confirm)

    async def expelled(self) -> None:
        """The head has taken this machine out: nobody of the cluster gets in by SSH any more either."""
        log.warning("the head took this machine out of the cluster; bin/uninstall takes the program away")
        await asyncio.to_thread(shut_door)


@asynccontextmanager
async def open_duties(home: Home, supervisor: Stops, installed: Installed | None = None) -> AsyncIterator[Duties]:
    """Orders are done as long as the block runs; one that is being done then is found begun by the next life."""
    here = await asyncio.to_thread(installed_in, home) if installed is None else installed
    leaving = leaving_from(home, supervisor)
    deeds = Deeds(
        reboot=reboot,
        restart=partial(restart_parts, supervisor),
        upgrade=lambda _version: upgrade(here, supervisor.stop),
        leave=leaving.leave,
    )
    present = await asyncio.to_thread(here.present)
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(leaving.follow())
        try:
            yield Duties(Orders(Ledger(home.data / LEDGER), deeds, present), here)
        finally:
            following.cancel()
