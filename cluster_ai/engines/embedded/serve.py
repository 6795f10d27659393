"""Opens the node and serves it."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator

import psutil
import structlog
import uvloop
from starlette.types import ASGIApp

from cluster_ai import __version__
from cluster_ai.core.asgi.guard import Limits
from cluster_ai.core.asgi.serve import serve
from cluster_ai.core.clock import monotonic
from cluster_ai.core.metrics import new_registry
from cluster_ai.core.paths import Home
from cluster_ai.engines.catalog import Catalog
from cluster_ai.engines.embedded.app import create_app
from cluster_ai.engines.embedded.node import Node
from cluster_ai.engines.residency import Residency
from cluster_ai.engines.types import NodeSettings

log = structlog.get_logger(__name__)

LIMITS = Limits(body_bytes=32 * 1024 * 1024)
STOP_SECONDS = 3.0


def run(settings: NodeSettings, *, host: str, port: int, home: Home, allowed_hosts: tuple[str, ...] = ()) -> None:
    """Serves until SIGTERM.

    Raises:
        PortTaken: the port is in use.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings, host=host, port=port, home=home, allowed_hosts=allowed_hosts))


async def _serve(settings: NodeSettings, *, host: str, port: int, home: Home, allowed_hosts: tuple[str, ...]) -> None:
    async with open_node(settings, home) as node:
        app = application(node, allowed_hosts=(*allowed_hosts, host))
        await serve(app, host=host, port=port, limits=LIMITS, allowed_hosts=allowed_hosts, stop_seconds=STOP_SECONDS)


@contextlib.asynccontextmanager
async def open_node(settings: NodeSettings, home: Home) -> AsyncIterator[Node]:
    """The node without its listener; models are loaded when somebody asks."""
    catalog = await asyncio.to_thread(Catalog.open, settings, home)
    log.info("models found", models=list(catalog.models))
    for name, reason in catalog.refused.items():
        log.warning("model refused", model=name, reason=reason)
    async with Residency(queue=settings.queue, clock=monotonic) as residency:
        yield Node(settings, catalog, residency, settings.threads or default_threads(), monotonic)


def application(node: Node, *, allowed_hosts: tuple[str, ...] = ()) -> ASGIApp:
    """The application that serves an open node."""
    return create_app(node, registry=new_registry(component="node", version=__version__), allowed_hosts=allowed_hosts)


def default_threads() -> int:
    """Physical cores that we may use, but one: llama.cpp's threads spin, and collapse where they must share."""
    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    return max(1, min(physical, len(os.sched_getaffinity(0))) - 1)
