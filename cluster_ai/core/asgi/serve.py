"""One way to serve an ASGI app: bound first, guarded, stopped by SIGTERM within a bound and without losing a stream."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp

from cluster_ai.core.asgi.guard import GuardedProtocol, Limits, guarded
from cluster_ai.core.asgi.living import Living
from cluster_ai.core.asgi.middleware import BodyCap, HostAllowList
from cluster_ai.core.descriptors import most_clients, raise_limit
from cluster_ai.core.sockets import BACKLOG, PortTaken, bind, listening, listening_in
from cluster_ai.core.tasks import where_tasks_stand

__all__ = ["Ending", "PortTaken", "bind", "listening", "run", "serve", "serve_on"]

log = structlog.get_logger(__name__)
CUT_SECONDS: Final = 1.0
"""After its stream was cut, an application has so long to put its things away."""
UNSENT_LIMIT: Final = 128 * 1024
"""Bytes of an answer that wait in the system for their client; the system doubles that."""
PUT_AWAY_SECONDS: Final = 8.0
"""After that an application that does not come to its end is left where it stands; nothing else would end it."""
HANDSHAKE_SECONDS: Final = 5.0
"""Time for a client to come to terms about TLS."""
_LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Ending:
    """How a listener ends. Times in seconds; a second SIGTERM cuts what is left at once."""

    drain_seconds: float = 3.0
    """Open answers have so long to come to their end."""
    notice_seconds: float = 0.0
    """Connections are still taken for so long, while whoever asks is told that this will end."""
    leaving: asyncio.Event | None = None
    """Set when the end begins, for streams that would never end by themselves."""
    stopping: asyncio.Event | None = None
    """Begins the end, as SIGTERM does."""
    heeds_signals: bool = True
    """False for a second listener of a process: the first one hears the signals, and begins this one's end."""


class _Server(uvicorn.Server):
    """Ends by returning. uvicorn's own raises the signal again, which kills whoever still has something to close."""

    def __init__(self, config: uvicorn.Config, ending: Ending, door: Path | None, tls: ssl.SSLContext | None) -> None:
        super().__init__(config)
        self._ending = ending
        self._door = door
        self._tls = tls
        self._signals = 0
        self.doors = contextlib.ExitStack()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # The door first: whoever finds the port open may ask there at once.
        await super().startup([])
        loop = asyncio.get_running_loop()
        if self._door is not None:
            own = self.doors.enter_context(listening_in(self._door.parent, self._door.name))
            self.servers.append(await loop.create_unix_server(self._protocol, sock=own))
        for sock in sockets or []:
            seconds = HANDSHAKE_SECONDS if self._tls else None
            listener = await loop.create_server(
                self._protocol, sock=sock, backlog=BACKLOG, ssl=self._tls, ssl_handshake_timeout=seconds
            )
            self.servers.append(listener)

    def _protocol(self) -> asyncio.Protocol:
        made: type[Any] = cast("type[Any]", self.config.http_protocol_class)
        protocol: asyncio.Protocol = made(
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol

    def handle_exit(self, sig: int, frame: Any) -> None:
        self._signals += 1
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._ending.leaving is not None:
            self._ending.leaving.set()
        await self._until(lambda: self._signals > 1, seconds=self._ending.notice_seconds)
        for listener in self.servers:
            listener.close()
        self.doors.close()
        for sock in sockets or []:
            # Ours alone: a supervisor that handed it down still holds it, and its queue of connections with it.
            sock.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await self._until(lambda: self._signals > 1 or self._is_idle(), seconds=self._ending.drain_seconds)
        await self._cut()
        if not self.force_exit:
            await self._put_away()

    async def _put_away(self) -> None:
        try:
            async with asyncio.timeout(PUT_AWAY_SECONDS):
                await self.lifespan.shutdown()
        except TimeoutError:
            log.warning("the application does not come to its end, and is left", waiting=where_tasks_stand())

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if not self._ending.heeds_signals:
            yield
            return
        with super().capture_signals():
            yield
            self._captured_signals.clear()

    def _is_idle(self) -> bool:
        return not self.server_state.connections and not self.server_state.tasks

    async def _until(self, true: Callable[[], bool], *, seconds: float) -> None:
        end = asyncio.get_running_loop().time() + seconds
        # Signals and connections are uvicorn's own, which wakes nobody.
        while not true() and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_SECONDS)

    async def _cut(self) -> None:
        """Ends what is left so that each client sees it: none of the answers gets its proper end."""
        if self._is_idle():
            return
        log.warning("answers are cut: the time to stop is over", connections=len(self.server_state.connections))
        for connection in list(self.server_state.connections):
            if isinstance(connection, GuardedProtocol):
                connection.cut()
        await self._until(self._is_idle, seconds=CUT_SECONDS)
        for task in self.server_state.tasks:
            task.cancel()
        for connection in list(self.server_state.connections):
            if (transport := connection.transport) is not None:
                transport.abort()


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
        Exception: what ended the application's life before its time.
    """
    ending = Ending(drain_seconds=stop_seconds, leaving=leaving, stopping=stopping)
    with listening(host, port) as sock:
        await serve_on(sock, app, limits=limits, allowed_hosts=(*allowed_hosts, host), ending=ending)


async def serve_on(
    sock: socket.socket,
    app: ASGIApp,
    *,
    ending: Ending,
    limits: Limits | None = None,
    allowed_hosts: tuple[str, ...] = (),
    door: Path | None = None,
    tls: ssl.SSLContext | None = None,
) -> None:
    """As ``serve``, on a socket that listens already, under ``tls`` when it is given.

    ``door`` is the path of a Unix socket at which this process alone answers the same requests, for those who must
    ask this one and no other on the same port.
    """
    limits = _within(limits or Limits())
    # Connections have it from their listener. Left to itself the system takes megabytes for a client who reads nothing.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, UNSENT_LIMIT)
    living = Living(app)
    capped = BodyCap(living, limit=limits.body_bytes, streamed=limits.streamed)
    config = _config(HostAllowList(capped, allowed=allowed_hosts), limits)
    server = _Server(config, ending, door, tls)
    living.at_its_end(lambda: setattr(server, "should_exit", True))
    watch = asyncio.create_task(_stop_when(ending.stopping, server)) if ending.stopping else None
    with server.doors:
        await server.serve(sockets=[sock])
    if watch:
        watch.cancel()
    living.demand_none()


def _within(limits: Limits) -> Limits:
    return replace(limits, connections=min(limits.connections, most_clients(raise_limit())))


def _config(app: ASGIApp, limits: Limits) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        # Said, because it is guessed wrong for layers that hand over another's awaitable.
        interface="asgi3",
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
    )


def run(app: ASGIApp, *, host: str, port: int, limits: Limits, allowed_hosts: tuple[str, ...] = ()) -> None:
    """As ``serve``, on a loop of its own (uvloop), for a process that does nothing else."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(app, host=host, port=port, limits=limits, allowed_hosts=allowed_hosts))
