"""One way to serve an ASGI app: bound first, guarded, stopped by SIGTERM within a bound."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
import uvloop
from starlette.types import ASGIApp

from cluster_ai.core.asgi.guard import Limits, guarded
from cluster_ai.core.asgi.middleware import BodyCap, HostAllowList
from cluster_ai.core.errors import Conflict

BACKLOG = 2048


class PortTaken(Conflict):
    """Another program listens there."""

    code = "port_taken"


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        PortTaken: something else has the port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named: with 0 the plain asyncio loop leaves Nagle on, and each streamed token waits 40 ms.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError as exc:
        sock.close()
        raise PortTaken(
            f"port {port} on {host} cannot be used: {exc.strerror}",
            hint="stop the program that has it, or start with --port-base",
        ) from exc
    sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return sock


class _Server(uvicorn.Server):
    """Ends by returning. uvicorn's own raises the signal again, which kills whoever still has something to close."""

    def __init__(self, config: uvicorn.Config, *, leaving: asyncio.Event | None) -> None:
        super().__init__(config)
        self._leaving = leaving

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._leaving is not None:
            self._leaving.set()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            yield
            self._captured_signals.clear()


async def _stop_when(stopping: asyncio.Event, server: uvicorn.Server) -> None:
    await stopping.wait()
    server.should_exit = True


async def serve(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    limits: Limits | None = None,
    allowed_hosts: tuple[str, ...] = (),
    stop_seconds: float = 3.0,
    stopping: asyncio.Event | None = None,
    leaving: asyncio.Event | None = None,
) -> None:
    """Serves ``app`` until SIGTERM, SIGINT or ``stopping``; open streams get ``stop_seconds`` to end.

    ``leaving`` is set when that time begins, for streams that would never end by themselves.

    Raises:
        PortTaken: the port is in use.
    """
    limits = limits or Limits()
    guarded_app = HostAllowList(BodyCap(app, limit=limits.body_bytes), allowed=(*allowed_hosts, host))
    sock = bind(host, port)
    config = uvicorn.Config(
        guarded_app,
        loop="auto",
        http=guarded(limits),
        ws="websockets-sansio",
        ws_max_size=64 * 1024,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=max(1, round(stop_seconds)),
    )
    server = _Server(config, leaving=leaving)
    watch = asyncio.create_task(_stop_when(stopping, server)) if stopping else None
    with sock:
        await server.serve(sockets=[sock])
    if watch:
        watch.cancel()


def run(app: ASGIApp, *, host: str, port: int, limits: Limits, allowed_hosts: tuple[str, ...] = ()) -> None:
    """As ``serve``, on a loop of its own (uvloop), for a process that does nothing else."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(app, host=host, port=port, limits=limits, allowed_hosts=allowed_hosts))
