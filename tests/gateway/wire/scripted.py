"""A server on 127.0.0.1 that says exactly the bytes it is told to, and answers as HTTP knows them."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from typing import Literal

from cluster_ai.gateway.wire.client import Response, Wire

BODY = b'{"done":false}\n{"done":true}\n'
ANSWERS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY),
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"f;name=value\r\n%b\r\ne\r\n%b\r\n0\r\nX-Trailer: late\r\n\r\n" % (BODY[:15], BODY[15:]),
    "interim": b"HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY),
    "closed": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY),
    "until close": b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + BODY,
    "old": b"HTTP/1.0 200 OK\r\n\r\n" + BODY,
}
HEADERS = {"Content-Type": "application/json"}

Talk = Callable[["Line"], Coroutine[None, None, None]]


@dataclass
class Line:
    """One connection, seen from the server. ``number`` counts from 1."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int

    async def request(self) -> bytes:
        """The next whole request; nothing when the client has left."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().rpartition(b"content-length: ")[2].split(b"\r\n")[0])
            return head + await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        with contextlib.suppress(ConnectionError):
            await self.writer.drain()

    async def answer(self, data: bytes) -> None:
        """``data`` to every request."""
        while await self.request():
            await self.say(data)

    async def left(self) -> None:
        """Waits until the client has closed or cut the connection."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass

    def end(self, how: Literal["fin", "rst"]) -> None:
        if how == "rst":
            sock = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.close()


@dataclass
class Script:
    """The server. Each connection is served by ``talk`` and then closed."""

    talk: Talk
    tasks: asyncio.TaskGroup
    url: str = ""
    connections: int = 0
    open: int = 0

    def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        self.tasks.create_task(self.serve(Line(reader, writer, self.connections)))

    async def serve(self, line: Line) -> None:
        try:
            await self.talk(line)
        finally:
            self.open -= 1
            line.writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await line.writer.wait_closed()


@contextlib.asynccontextmanager
async def script(
    talk: Talk, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Script]:
    """The clients are to leave before it ends."""
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        scripted = Script(talk, tasks)
        server = await asyncio.start_server(scripted.take, host, port, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        shown = f"[{host}]" if ":" in host else host
        scripted.url = f"{'https' if tls else 'http'}://{shown}:{port}/api/chat"
        try:
            yield scripted
        finally:
            server.close()


async def whole(wire: Wire, url: str, body: bytes = b"{}") -> tuple[Response, bytes]:
    """An answer read to its end."""
    response = await wire.post(url, body, HEADERS)
    with contextlib.closing(response):
        return response, await response.read(1 << 30)


async def turns(true: Callable[[], bool], seconds: float = 5.0) -> None:
    """Lets the loop go round until it is ``true``."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.002)
