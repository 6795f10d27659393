"""The gateway as a process: what it is made of, on which socket it listens, and how it ends."""

import asyncio
import os
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import Final

from backend.gateway import create_gateway
from backend.gateway.life import Plan, rules_of
from backend.gateway.porter import Porter
from backend.gateway.reload import Reloading
from backend.gateway.siblings import Siblings
from cluster_ai.core.asgi.guard import Limits
from cluster_ai.core.asgi.readiness import Readiness
from cluster_ai.core.asgi.serve import Ending, listening, serve_on
from cluster_ai.core.garbage import rarely_searched
from cluster_ai.core.processes import PROCESS
from cluster_ai.core.sockets import door_of, sweep
from cluster_ai.gateway.managing.asks import BLOBS
from cluster_ai.gateway.nodes.exchanges import counting_together
from cluster_ai.gateway.room import Room
from cluster_ai.gateway.types import Watched
from cluster_ai.gateway.watching.spans import wants_spans
from cluster_ai.keys.opening import KeysConfig
from cluster_ai.settings import Settings, load

NAME: Final = "gateway"
LINGER_SECONDS: Final = 1.0
"""When the gateway ends, a client that keeps its connection has so long to have its next request answered on it."""


async def serve_gateway(settings: Settings, *, database_url: str) -> None:
    """Until SIGTERM; then its streams come to their end, or are cut when the time to drain is over.

    Raises:
        PortTaken: no socket was handed down, and something else has the port.
        Misconfigured: spans are wanted, and what they need is not installed.
    """
    run, times, leaving = settings.paths.run, settings.gateway, asyncio.Event()
    app = create_gateway(plan_of(settings, database_url=database_url))
    limits = Limits(body_bytes=times.max_body_bytes, linger_seconds=LINGER_SECONDS, streamed=(BLOBS,))
    await asyncio.to_thread(sweep, run, NAME)
    with rarely_searched(), listening(settings.bind, settings.effective_ports.gateway) as sock:
        await serve_on(
            sock,
            Readiness(app, leaving),
            limits=limits,
            allowed_hosts=(*settings.allowed_hosts, settings.bind),
            ending=Ending(times.drain_seconds, notice_seconds=times.drain_notice_seconds, leaving=leaving),
            door=door_of(run, NAME, os.getpid()),
        )


def plan_of(settings: Settings, *, database_url: str) -> Plan:
    """The gateway of this machine.

    Raises:
        Misconfigured: spans are wanted, and what they need is not installed.
    """
    wants_spans(os.environ)
    home, gateway = settings.paths, settings.gateway
    token, name = home.internal_secret(), os.environ.get(PROCESS, NAME)

    def counting(room: Room) -> AbstractAsyncContextManager[None]:
        pool, waiting = room.means.pool, room.works.desk.waiting
        return counting_together(pool, waiting, redis_url=settings.redis_url, folder=home.run)

    # Most gateways have no machines to reach, and what it takes weighs megabytes.
    reached = import_module("backend.gateway.machines").reach(settings) if settings.machines.bind else None
    return Plan(
        gateway,
        embedded_url=f"http://127.0.0.1:{settings.effective_ports.node}" if settings.node.enabled else None,
        internal_token=token,
        watched=Watched(gateway, database_url, os.environ),
        porter=Porter(KeysConfig(rules_of(gateway, token), database_url, settings.redis_url)),
        reloading=Reloading(_ready_for(settings), lambda: _ready_for(load())),
        siblings=Siblings(home.run, name=name, token=token) if gateway.processes > 1 else None,
        counting=counting,
        machines=reached,
        frozen=home.freezes,
    )


def _ready_for(settings: Settings) -> Settings:
    """Imports what these settings need: not in the middle of the first call that needs it."""
    if settings.gateway.open_webui_secret is not None:
        import_module("cluster_ai.gateway.dialects.signed")
    return settings
