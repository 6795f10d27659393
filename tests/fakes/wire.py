"""HTTP/1.1 by hand, so that every misbehaviour can be done on the wire: cut, reset, lie about lengths, stay silent."""

import asyncio
import fcntl
import json
import socket
import struct
import termios
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus
from typing import Any

from tests.fakes.knobs import Cut

HEAD_LIMIT = 64 * 1024
BLOBS = "/api/blobs/"
LINGER_ZERO = struct.pack("ii", 1, 0)


class Gone(Exception):
    """The client closed or broke the connection."""


class Broken(Exception):
    """The client sent something that is not HTTP/1.1 as we read it."""


@dataclass(frozen=True)
class Incoming:
    """One request, read whole."""

    method: str
    path: str
    headers: Mapping[str, str]  # lower case names
    body: bytes
    digest: str = ""  # SHA-256 of a blob; its body is not kept

    def json(self) -> dict[str, Any]:
        """The body as an object.

        Raises:
            ValueError: it is not a JSON object.
        """
        value = json.loads(self.body or b"{}")
        if not isinstance(value, dict):
            raise ValueError("the body is not an object")  # noqa: TRY004 - to the caller it is one kind of bad body
        return value


@dataclass(eq=False)
class Connection:
    """A client's connection: bytes in with look-ahead, bytes out with back-pressure."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int
    sent: Callable[[int], None]
    slice: int = 0
    take: float = 0.0
    requests: int = 0
    cut: bool = False  # ended by the node itself, from outside the request
    ahead: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        # drain() then returns when the kernel took everything: cuts fall exactly where they are set.
        self.writer.transport.set_write_buffer_limits(high=0)

    async def more(self) -> None:
        try:
            data = await self.reader.read(65536)
        except OSError as error:
            raise Gone from error
        if not data:
            raise Gone
        self.ahead += data

    async def until_gone(self) -> None:
        """Returns when the client left; what it sent meanwhile is kept for the next request."""
        try:
            while True:
                await self.more()
        except Gone:
            return

    async def line_block(self) -> bytes:
        while (end := self.ahead.find(b"\r\n\r\n")) < 0:
            if len(self.ahead) > HEAD_LIMIT:
                raise Broken("head too long")
            await self.more()
        return self.taken(end + 4)

    def taken(self, count: int) -> bytes:
        block = bytes(self.ahead[:count])
        del self.ahead[:count]
        return block

    async def exactly(self, count: int) -> bytes:
        while len(self.ahead) < count:
            await self.more()
        return self.taken(count)

    async def chunked(self) -> AsyncIterator[bytes]:
        while True:
            while (end := self.ahead.find(b"\r\n")) < 0:
                await self.more()
            size = int(self.taken(end + 2).split(b";")[0], 16)
            part = await self.exactly(size + 2)
            if size == 0:
                return
            yield part[:-2]

    async def counted(self, size: int) -> AsyncIterator[bytes]:
        while size:
            if not self.ahead:
                await self.more()
            part = self.taken(min(size, len(self.ahead)))
            size -= len(part)
            yield part

    async def blob(self, pieces: AsyncIterator[bytes]) -> str:
        """SHA-256 of a body that is as large as it likes; read no faster than ``take``."""
        seen = sha256()
        async for piece in pieces:
            seen.update(piece)
            if self.take:
                await asyncio.sleep(len(piece) / self.take)
        return seen.hexdigest()

    async def request(self) -> Incoming:
        """The next request.

        Raises:
            Gone: the client left.
            Broken: it is not HTTP as we read it.
        """
        first, *rest = (await self.line_block()).decode("latin-1").split("\r\n")
        try:
            method, path, _ = first.split(" ")
            headers = {
                name.strip().lower(): value.strip() for name, value in (row.split(":", 1) for row in rest if row)
            }
            if "chunked" in headers.get("transfer-encoding", "").lower():
                pieces = self.chunked()
            else:
                pieces = self.counted(int(headers.get("content-length", "0")))
            if path.startswith(BLOBS):
                return self.read(Incoming(method, path, headers, b"", await self.blob(pieces)))
            return self.read(Incoming(method, path.split("?")[0], headers, b"".join([piece async for piece in pieces])))
        except ValueError as error:
            raise Broken(str(error)) from error

    def read(self, incoming: Incoming) -> Incoming:
        self.requests += 1
        return incoming

    async def write(self, data: bytes) -> None:
        """Write with back-pressure, in slices when the node is set so.

        Raises:
            Gone: the client left.
        """
        step = self.slice or len(data) or 1
        try:
            for at in range(0, len(data), step):
                self.writer.write(data[at : at + step])
                await self.writer.drain()
                self.sent(len(data[at : at + step]))
                if self.slice:
                    # Lets each slice leave in its own segment.
                    await asyncio.sleep(0.0005)
        except OSError as error:
            raise Gone from error

    def end(self, how: Cut) -> None:
        """FIN after what was written, RST at once; "stall" leaves the connection as it is."""
        if how == "rst":
            reset(self.writer)
        elif how == "fin":
            self.writer.close()


async def delivered(writer: asyncio.StreamWriter) -> None:
    """Returns when the other side's kernel has all that was written, or after a second.

    A reset throws away what is still on its way; a cut "after n bytes" must not.
    """
    sock = writer.get_extra_info("socket")
    deadline = time.monotonic() + 1
    while sock is not None and sock.fileno() >= 0 and unsent(sock.fileno()) and time.monotonic() < deadline:
        await asyncio.sleep(0.0005)


def reset(writer: asyncio.StreamWriter) -> None:
    """RST: the other side sees its connection reset."""
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
    writer.transport.abort()


def unsent(descriptor: int) -> int:
    """Bytes in the kernel's send queue that the other side has not acknowledged."""
    return int(struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)))[0])


def head(status: int, headers: Mapping[str, str]) -> bytes:
    """A response head."""
    rows = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(rows) + "\r\n\r\n").encode("latin-1")


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
