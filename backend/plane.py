"""What a request can reach, and its life: the accounts, the snapshot loop and the calls to nodes."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp

from backend.database_check import DatabaseCheck
from backend.live import Live
from backend.relay import NodeCalls
from backend.snapshot import About
from backend.sources import Compute, HttpGateway, ReadHost, Sources, Supervisor
from cluster_ai.accounts.opening import VaultConfig, open_vault
from cluster_ai.accounts.service import Accounts
from cluster_ai.core.bus import Bus

CONNECT_SECONDS = 2.0
SILENCE_SECONDS = 330.0
"""Longest silence inside an answer that the API waits out; the gateway's own limits lie below it."""


@dataclass(frozen=True, slots=True)
class Plane:
    """Everything that outlives a request."""

    accounts: Accounts
    password_chosen: bool
    """Whether the admin had one of their own at the start."""
    live: Live
    bus: Bus
    supervisor: Supervisor
    nodes: NodeCalls
    internal_token: str
    leaving: asyncio.Event
    """Set when the process begins to stop: streams without an end must end."""


@dataclass(frozen=True, slots=True)
class PlaneConfig:
    """Plain values; whoever makes it knows the settings."""

    about: About
    vault: VaultConfig
    gateway_url: str
    internal_token: str
    tick_seconds: float
    host: ReadHost


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The parts that the API talks to in their own language."""

    supervisor: Supervisor
    compute: Compute


@asynccontextmanager
async def open_plane(config: PlaneConfig, neighbours: Neighbours) -> AsyncIterator[Plane]:
    """Opens everything in order, and closes it in reverse."""
    async with AsyncExitStack() as stack:
        vault = await stack.enter_async_context(open_vault(config.vault))
        session = await stack.enter_async_context(_session())
        gateway = HttpGateway(session, url=config.gateway_url, token=config.internal_token)
        sources = Sources(gateway, neighbours.supervisor, neighbours.compute, config.host)
        bus = Bus()
        now = config.vault.times.now
        database = DatabaseCheck(vault.database, now=now, clock=time.monotonic)
        live = Live(sources, about=config.about, bus=bus, database=database, now=now)
        await stack.enter_async_context(live.running(seconds=config.tick_seconds))
        nodes = NodeCalls(session, gateway_url=config.gateway_url, token=config.internal_token)
        yield Plane(
            vault.accounts,
            vault.admin.password_chosen,
            live,
            bus,
            neighbours.supervisor,
            nodes,
            config.internal_token,
            asyncio.Event(),
        )


def _session() -> aiohttp.ClientSession:
    limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS)
    # A proxy from the environment must never see the internal token.
    return aiohttp.ClientSession(
        timeout=limits, connector=aiohttp.TCPConnector(limit=0), trust_env=False, auto_decompress=True
    )
