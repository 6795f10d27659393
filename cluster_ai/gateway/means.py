"""What everything in the gateway works with: its nodes, the ways to ask them, and the time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from cluster_ai.core.clock import Clock
from cluster_ai.core.connectors import ENDS_WITH_ITS_SESSION
from cluster_ai.gateway.nodes.pool import Pool
from cluster_ai.gateway.types import GatewaySettings
from cluster_ai.gateway.wire.client import Wire, open_wire
from cluster_ai.gateway.wire.lan import Lan, LanResolver

__all__ = ["Lan", "Means", "open_means"]


@dataclass(frozen=True, slots=True)
class Means:
    """``wire`` carries calls; ``session`` carries probes and what changes models."""

    settings: GatewaySettings
    pool: Pool
    wire: Wire
    session: aiohttp.ClientSession
    clock: Clock
    lan: Lan


@asynccontextmanager
async def open_means(
    settings: GatewaySettings, *, embedded_url: str | None, clock: Clock, lan: Lan
) -> AsyncIterator[Means]:
    """Connections are open as long as the block runs."""
    pool = Pool(settings, embedded_url=embedded_url, clock=clock)
    wired = open_wire(connect_seconds=settings.connect_seconds, lan=lan)
    async with _session(settings, lan) as session, wired as wire:
        yield Means(settings, pool, wire, session, clock, lan)


def _session(settings: GatewaySettings, lan: Lan) -> aiohttp.ClientSession:
    # A connection for each question: a node that closes an idle one answers nothing on it, and nobody could tell that
    # from a node that dies.
    connector = aiohttp.TCPConnector(
        limit=0,
        force_close=True,
        resolver=LanResolver(lan),
        use_dns_cache=False,
        ssl=lan.tls or True,
        enable_cleanup_closed=ENDS_WITH_ITS_SESSION,
    )
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_seconds),
        # Bytes pass as they are, and we read them: nobody asked the node to pack them.
        headers={"Accept-Encoding": "identity"},
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )
