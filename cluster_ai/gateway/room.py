"""The gateway's inside as one lifetime: nodes watched, calls relayed, and what is known of both."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from cluster_ai.core.clock import Clock
from cluster_ai.gateway.probes import Prober
from cluster_ai.gateway.relay import Relay
from cluster_ai.gateway.types import GatewaySettings, GatewayView
from cluster_ai.gateway.upstreams import Pool


@dataclass(frozen=True, slots=True)
class Room:
    """What the doors of the gateway use."""

    pool: Pool
    relay: Relay
    clock: Clock
    started_at: float

    def view(self) -> GatewayView:
        now = self.clock()
        return GatewayView(
            started_at=self.started_at,
            inflight=self.relay.counters.inflight,
            totals=self.relay.counters.totals(),
            upstreams=tuple(upstream.view(now) for upstream in self.pool.all()),
            decisions=tuple(decision.view(now) for decision in self.relay.decisions),
        )


@asynccontextmanager
async def open_room(
    settings: GatewaySettings, *, embedded_url: str | None, clock: Clock = time.monotonic
) -> AsyncIterator[Room]:
    """Watches the nodes as long as the block runs; every one has been asked once when it begins."""
    pool = Pool(settings, embedded_url=embedded_url, clock=clock)
    async with _session(settings) as session, Prober(pool, session, settings, clock=clock).watching():
        yield Room(pool, Relay(pool, session, settings, clock=clock), clock, time.time())


def _session(settings: GatewaySettings) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        # A connection for each call: see Relay. No limit: how much a node takes is for routing to say.
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_seconds),
        # Bytes pass as they are, and we read the end of them: nobody asked the node to pack them.
        headers={"Accept-Encoding": "identity"},
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )
