"""The gateway's own way to the nodes: POST over connections that are kept, with as little work as there can be.

A general client spends most of a short request on what is never needed here: redirects, cookies, packed bodies, pools
with queues. This one writes a request in one piece and reads the answer by callbacks.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from typing import Final

from cluster_ai.core.deadline import Deadline
from cluster_ai.core.descriptors import NoneLeft, is_shortage
from cluster_ai.gateway.wire.connection import UNREAD_LIMIT, Connection, Response
from cluster_ai.gateway.wire.errors import NoAnswer, NoConnection, SlowToConnect, TooLong, WireError, words_of
from cluster_ai.gateway.wire.lan import Lan
from cluster_ai.gateway.wire.names import Names, Origin, Target, target_of

IDLE_SECONDS: Final = 15.0
"""A connection that nobody uses is closed after so long."""
IDLE_MOST: Final = 32
"""Connections to one node that are kept unused."""
RACE_SECONDS: Final = 1.0
"""A kept connection that ends so soon after a request, without a word, was being closed when it was sent."""
MORE: Final = "let the gateway open more files (ulimit -n, LimitNOFILE), or send it fewer calls at once"
UNHEARD_FACTOR: Final = 4
"""A node's system that acknowledges nothing for so many times the limit to connect is gone, and so its connection."""


class Wire:
    """``open_wire`` makes one."""

    def __init__(self, connect_seconds: float, idle_seconds: float, lan: Lan) -> None:
        self._connect_seconds = connect_seconds
        self._idle_seconds = idle_seconds
        self._names = Names(lan.addresses)
        self._idle: dict[Origin, list[Connection]] = {}
        self._open: dict[Connection, Origin] = {}
        self._sweep: asyncio.TimerHandle | None = None
        self._tls = lan.tls
        self._all_lost: asyncio.Future[None] | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Response:
        """The answer's head. The answer must be closed.

        Raises:
            WireError: there is none.
            NoneLeft: we have nothing left to ask the node with.
            ValueError: the URL or a header cannot be sent.
        """
        target = target_of(url)
        head = _head(target, body, headers)
        connection = self._kept(target.origin)
        if connection is not None:
            sent_at = asyncio.get_running_loop().time()
            try:
                return await _asked(connection, head, body)
            except NoAnswer:
                if asyncio.get_running_loop().time() > sent_at + RACE_SECONDS:
                    raise
        return await _asked(await self._connected(target.origin), head, body)

    async def close(self) -> None:
        """Cuts every connection, and waits until all are gone."""
        if self._sweep is not None:
            self._sweep.cancel()
        if not self._open:
            return
        self._all_lost = asyncio.get_running_loop().create_future()
        for connection in list(self._open):
            connection.cut()
        await self._all_lost

    def _kept(self, origin: Origin) -> Connection | None:
        """The connection used last, which the node is the least likely to be about to close."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if connection.is_open:
                return connection
        return None

    async def _connected(self, origin: Origin) -> Connection:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._connect_seconds
        try:
            with closing(Deadline()) as limit, limit.of(self._connect_seconds):
                addresses = await self._names.addresses(origin)
        except TimeoutError as exc:
            raise SlowToConnect from exc
        left = list(addresses)
        while True:
            address = left.pop(0)
            # Each gets its share of the time, so that a silent one leaves some for the others.
            share = (deadline - loop.time()) / (len(left) + 1)
            try:
                connection = await self._connect(origin, address, share)
            except NoConnection:
                if not left:
                    raise
            else:
                self._names.answered(origin, address)
                return connection

    async def _connect(self, origin: Origin, address: str, seconds: float) -> Connection:
        connection = Connection(self._keep, self._lost)
        tls = await self._context() if origin.is_tls else None
        try:
            with closing(Deadline()) as limit, limit.of(seconds):
                transport, _ = await asyncio.get_running_loop().create_connection(
                    lambda: connection, address, origin.port, ssl=tls, server_hostname=origin.host if tls else None
                )
        except TimeoutError as exc:
            connection.cut()
            raise SlowToConnect from exc
        except OSError as exc:
            if is_shortage(exc):
                raise NoneLeft(f"no connection to a node can be opened: {words_of(exc)}", hint=MORE) from exc
            raise NoConnection(words_of(exc)) from exc
        except UnicodeError as exc:
            # A machine may call its address what no name can be (``a..b``).
            raise NoConnection("that is no address") from exc
        except BaseException:
            connection.cut()
            raise
        if not connection.is_open:
            raise NoConnection(NoAnswer.text)
        self._open[connection] = origin
        _limit(transport, UNHEARD_FACTOR * self._connect_seconds)
        return connection

    async def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            # Reads the system's certificates.
            self._tls = await asyncio.to_thread(ssl.create_default_context)
        return self._tls

    def _keep(self, connection: Connection) -> None:
        idle = self._idle.setdefault(self._open[connection], [])
        if len(idle) >= IDLE_MOST or self._all_lost is not None:
            connection.cut()
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        idle.append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(self._idle_seconds, self._close_stale)

    def _close_stale(self) -> None:
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._idle_seconds
        for connection in [row for idle in self._idle.values() for row in idle if row.idle_since <= oldest]:
            connection.cut()
        young = {origin: [row for row in idle if row.idle_since > oldest] for origin, idle in self._idle.items()}
        self._idle = {origin: idle for origin, idle in young.items() if idle}
        # The longest unused is the first of its list: they are taken and put back at the end.
        first = [idle[0].idle_since for idle in self._idle.values()]
        self._sweep = loop.call_at(min(first) + self._idle_seconds, self._close_stale) if first else None

    def _lost(self, connection: Connection) -> None:
        origin = self._open.pop(connection, None)
        idle = self._idle.get(origin) if origin is not None else None
        if idle and connection in idle:
            idle.remove(connection)
        if self._all_lost is not None and not self._open and not self._all_lost.done():
            self._all_lost.set_result(None)


@asynccontextmanager
async def open_wire(
    *, connect_seconds: float, idle_seconds: float = IDLE_SECONDS, lan: Lan | None = None
) -> AsyncIterator[Wire]:
    """Connections to nodes, all of them closed at the end.

    ``connect_seconds``: the longest to open one; ``idle_seconds``: the longest that one is kept unused.
    """
    wire = Wire(connect_seconds, idle_seconds, lan or Lan())
    try:
        yield wire
    finally:
        await wire.close()


async def _asked(connection: Connection, head: bytes, body: bytes) -> Response:
    response = connection.send(head, body)
    try:
        await response.head()
    except BaseException:
        response.close()
        raise
    return response


def _head(target: Target, body: bytes, headers: Mapping[str, str]) -> bytes:
    rows = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if rows.count("\n") != len(headers) or rows.count("\r") != len(headers):
        raise ValueError("a header has more than one line")
    return f"{target.head}{rows}Content-Length: {len(body)}\r\n\r\n".encode("latin-1", "replace")


def _limit(transport: asyncio.BaseTransport, seconds: float) -> None:
    sock = transport.get_extra_info("socket")
    if sock is None:
        return
    # Left to itself the system takes megabytes of an answer that its client does not read.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, UNREAD_LIMIT)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # A machine that lost its power leaves its connections standing; what is written to them would wait for minutes.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


__all__ = ["Response", "TooLong", "Wire", "WireError", "open_wire"]
