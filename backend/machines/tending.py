"""What goes on behind the machines' door all the time: machines dialled back, certificates kept young, the LAN told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from backend.machines.agents import open_agents
from backend.machines.announcing import told_to_lan
from backend.machines.dialing import Dialling
from backend.machines.members import Members
from cluster_ai.core.loops import every
from cluster_ai.pki.contexts import Renewed
from cluster_ai.settings import Settings

RENEWAL_SECONDS: Final = 600.0


@asynccontextmanager
async def tended(members: Members, settings: Settings) -> AsyncIterator[None]:
    """All of it, while the block runs.

    Raises:
        NoCertificate: the head's certificate cannot be used.
    """
    renewed = await asyncio.to_thread(Renewed, settings.paths.tls)
    tls = await asyncio.to_thread(renewed.client)
    async with (
        open_agents(members.fleet, tls) as agents,
        told_to_lan(members.authority, settings),
        asyncio.TaskGroup() as tasks,
    ):
        members.agents = agents
        loops = (
            tasks.create_task(Dialling(members.fleet, tls).follow()),
            tasks.create_task(renewed.follow()),
            tasks.create_task(every(RENEWAL_SECONDS, members.renew_own, name="own certificate")),
        )
        try:
            yield
        finally:
            members.agents = None
            for loop in loops:
                loop.cancel()
