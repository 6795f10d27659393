"""The machines' door opened: bound in the LAN, under TLS, for as long as a block runs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from cluster_ai.core.asgi.guard import Limits
from cluster_ai.core.asgi.serve import Ending, bind, serve_on
from cluster_ai.pki.contexts import Renewed
from cluster_ai.pki.types import HEAD_HOST

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the door is. ``names``: by which machines may call this head, beside its address."""

    host: str
    port: int
    tls: Path
    names: tuple[str, ...] = ()


@asynccontextmanager
async def open_to_machines(app: ASGIApp, place: Place, *, body_bytes: int) -> AsyncIterator[None]:
    """Serves ``app`` at ``place`` while the block runs.

    Raises:
        PortTaken: something else listens there, or the address is none of this box.
        NoCertificate: the head's certificate cannot be used.
    """
    renewed = await asyncio.to_thread(Renewed, place.tls)
    context = await asyncio.to_thread(renewed.server, clients="optional")
    sock = bind(place.host, place.port)
    ending = Ending(drain_seconds=1.0, stopping=asyncio.Event(), heeds_signals=False)
    assert ending.stopping is not None, "it was made a line above"
    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(renewed.follow())
        tasks.create_task(
            serve_on(
                sock, _Alive(app), ending=ending, limits=Limits(body_bytes=body_bytes, body_seconds=30.0),
                allowed_hosts=(place.host, HEAD_HOST, *place.names), tls=context,
            )
        )  # fmt: skip
        log.info("machines can join", address=place.host, port=place.port)
        try:
            yield
        finally:
            ending.stopping.set()
            following.cancel()


class _Alive:
    """Agrees to the lifespan that listeners ask for; what the application needs was opened by others."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
