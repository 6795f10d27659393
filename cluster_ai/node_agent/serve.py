"""The agent of a machine put together: it reports, obeys, keeps its certificate, and opens the one door."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final

import aiohttp
import structlog

from cluster_ai import __version__
from cluster_ai.node_agent.agent import Agent
from cluster_ai.node_agent.api.serve import SOCKET, Own, open_own
from cluster_ai.node_agent.door.opening import Rooms, open_door
from cluster_ai.node_agent.duties import open_duties
from cluster_ai.node_agent.engine import Engines, Kind
from cluster_ai.node_agent.head import reaching
from cluster_ai.node_agent.looking import look_at
from cluster_ai.node_agent.renewal import Renewal
from cluster_ai.pki.contexts import Renewed
from cluster_ai.pki.peer import identity_of_pem
from cluster_ai.pki.store import Store
from cluster_ai.settings import Settings
from cluster_ai.shares import told_share
from cluster_ai.supervisor.control import Control

log = structlog.get_logger(__name__)
PROBE_SECONDS: Final = 3.0


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Agent]:
    """The agent, while the block runs.

    Raises:
        NoCertificate: this machine has not joined, or lost what it got.
        PortTaken: something else listens where the door should be.
    """
    agent, ports, home = settings.agent, settings.effective_ports, settings.paths
    renewed = await asyncio.to_thread(Renewed, home.tls)
    outward, inward = await asyncio.to_thread(lambda: (renewed.client(), renewed.server()))
    identity = await asyncio.to_thread(lambda: identity_of_pem(Store(home.tls).certificate.read_text(encoding="ascii")))
    async with AsyncExitStack() as stack:
        limits = aiohttp.ClientTimeout(total=PROBE_SECONDS)
        session = await stack.enter_async_context(aiohttp.ClientSession(timeout=limits, trust_env=False))
        engines, control = Engines(session, places(settings)), Control(home)
        look = await asyncio.to_thread(
            look_at, home, engines, control.status, partial(told_share, settings), version=__version__
        )
        duties = await stack.enter_async_context(open_duties(home, control))
        self = Agent(settings, engines, look, duties)
        head = await stack.enter_async_context(reaching(tuple(map(str, agent.head)), outward))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        beats = self.beats()
        await stack.enter_async_context(open_own(Own(home, agent, beats, look, engines, session, outward)))
        rooms = Rooms(lambda: self.engines.address, home.run / SOCKET)
        door = open_door(agent.bind, ports.agent, tls=inward, cluster_id=identity.cluster_id, rooms=rooms)
        await stack.enter_async_context(door)
        loops = (
            tasks.create_task(renewed.follow()),
            tasks.create_task(Renewal(Store(home.tls), agent.name, head).follow()),
            tasks.create_task(beats.run(head)),
        )
        try:
            yield self
        finally:
            for loop in loops:
                loop.cancel()


def places(settings: Settings) -> dict[Kind, str]:
    """Where engines are looked for, the better first."""
    found: dict[Kind, str] = {
        "ollama": str(settings.agent.ollama_url).rstrip("/"),
        "embedded": f"http://127.0.0.1:{settings.effective_ports.node}",
    }
    engine = settings.agent.engine
    return found if engine == "auto" else {kind: url for kind, url in found.items() if kind == engine}


async def run(settings: Settings) -> None:
    """Until SIGTERM or SIGINT."""
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, asked.set)
    async with running(settings):
        await asked.wait()
    log.info("the agent has ended")
