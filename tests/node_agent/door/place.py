"""A machine's door in process, under real TLS, with an engine behind it that does as each test wants."""

import asyncio
import json
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvloop

from cluster_ai.node_agent.door.opening import Rooms, open_door
from cluster_ai.pki.contexts import client_context, server_context
from cluster_ai.pki.types import node_host
from tests.pki.members import CLUSTER, Members, node_id
from tests.ports import free_port

HOST = "127.0.0.1"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Behave = Callable[["Inner", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Inner:
    """What stands behind the door. ``requests``: heads that came, as they came; ``bodies`` beside them."""

    behave: Behave
    requests: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    lost_at: list[float] = field(default_factory=list)
    """When a connection ended, as monotonic seconds."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            # Cancelled at the end of a test, when this is all that is left.
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self.behave(self, reader, writer)
        finally:
            self.open -= 1
            self.lost_at.append(time.monotonic())
            # Waits to hear how it ended: left to the garbage, the stream would tell of it as of a failure.
            with suppress(asyncio.CancelledError):
                await leave(writer)

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        """One request, whole."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head)
        body = b""
        rows = dict(row.split(b": ", 1) for row in head.split(b"\r\n")[1:] if row)
        if length := rows.get(b"content-length"):
            body = await reader.readexactly(int(length))
        elif b"transfer-encoding" in rows:
            while size := int(await reader.readuntil(b"\r\n"), 16):
                body += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readexactly(2)
        self.bodies.append(body)
        return head


async def echo(inner: Inner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers each request with what came, and keeps the connection."""
    while True:
        head = await inner.read(reader)
        body = json.dumps({"head": head.decode("latin-1"), "body": inner.bodies[-1].decode("latin-1")}).encode()
        body = b"" if head.startswith(b"HEAD") else body
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body) or 7, body))
        await writer.drain()


def says(*pieces: bytes, stay: bool = True) -> Behave:
    """Answers each request with these bytes, and then stays or closes."""

    async def behave(inner: Inner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await inner.read(reader)
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            if not stay:
                writer.close()
                return

    return behave


@dataclass
class Answer:
    """What a caller heard. ``end``: how the connection ended, or that it is open."""

    raw: bytes
    end: str

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1]) if self.raw else 0

    @property
    def body(self) -> bytes:
        return self.raw.partition(b"\r\n\r\n")[2]


@dataclass
class Place:
    """``engine`` and ``agent`` stand behind the door; ``engine_at`` says where the engine is looked for."""

    members: Members
    port: int
    engine: Inner
    agent: Inner
    engine_at: list[tuple[str, int] | None]

    async def connect(self, who: str = "head") -> Streams:
        context = await asyncio.to_thread(client_context, self.members.folder / who)
        return await self.connect_by(context)

    async def connect_by(self, context: ssl.SSLContext) -> Streams:
        return await asyncio.open_connection(
            HOST, self.port, ssl=context, server_hostname=node_host(node_id(1)), limit=1 << 20
        )

    async def ask(self, raw: bytes, *, who: str = "head", seconds: float = 5.0) -> Answer:
        """Sends these bytes over a connection of its own, and hears until it ends or is silent for a while."""
        reader, writer = await self.connect(who)
        try:
            writer.write(raw)
            return await hear(reader, seconds=seconds)
        finally:
            await leave(writer)


async def hear(reader: asyncio.StreamReader, *, seconds: float = 5.0) -> Answer:
    """One answer with a length, or all until the end."""
    raw = b""
    try:
        async with asyncio.timeout(seconds):
            while not _is_whole(raw):
                piece = await reader.read(1 << 20)
                if not piece:
                    return Answer(raw, "closed")
                raw += piece
    except TimeoutError:
        return Answer(raw, "silence")
    except (ssl.SSLError, OSError):
        return Answer(raw, "cut")
    return Answer(raw, "open")


def hear_the_end(place: "Place", raw: bytes) -> Answer:
    """As ``Place.ask``, blocking. ``closed``: TLS was ended as it should be; ``cut``: it was not."""
    context = client_context(place.members.folder / "head")
    with socket.create_connection((HOST, place.port), timeout=5) as sock:
        sock.settimeout(5)
        with context.wrap_socket(sock, server_hostname=node_host(node_id(1)), suppress_ragged_eofs=False) as tls:
            tls.sendall(raw)
            heard = b""
            try:
                while piece := tls.recv(65_536):
                    heard += piece
            except (ssl.SSLError, OSError):
                return Answer(heard, "cut")
            return Answer(heard, "closed")


async def leave(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with suppress(OSError, ssl.SSLError):
        await writer.wait_closed()


def _is_whole(raw: bytes) -> bool:
    head, found, body = raw.partition(b"\r\n\r\n")
    for row in head.lower().split(b"\r\n"):
        if row.startswith(b"content-length: "):
            return bool(found) and len(body) >= int(row[16:])
    return bool(found) and b"chunked" in head and body.endswith(b"0\r\n\r\n")


@asynccontextmanager
async def opened(members: Members, behave: Behave = echo) -> AsyncIterator[Place]:
    """The door of machine 1, while the block runs."""
    folder = members.folder
    engine, agent = Inner(behave), Inner(echo)
    context = await asyncio.to_thread(server_context, folder / "node-1")
    inner = await asyncio.start_server(engine.serve, HOST, 0, limit=1 << 16)
    own = await asyncio.start_unix_server(agent.serve, str(folder / "agent.sock"))
    at: list[tuple[str, int] | None] = [(HOST, inner.sockets[0].getsockname()[1])]
    port = free_port()
    rooms = Rooms(lambda: at[0], folder / "agent.sock")
    async with inner, own, open_door(HOST, port, tls=context, cluster_id=CLUSTER, rooms=rooms):
        yield Place(members, port, engine, agent, at)


def cluster(folder: Path) -> Members:
    """A cluster of a head and the nodes 1 and 2."""
    members = Members(folder, time.time())
    members.head()
    members.node(1)
    members.node(2)
    return members


def tell(folder: Path, story: Callable[[Place], Awaitable[None]], behave: Behave = echo) -> None:
    """Runs ``story`` at an open door; it is closed in peace before a failure comes out."""
    members = cluster(folder)

    async def run() -> None:
        failures = []
        async with opened(members, behave) as place:
            try:
                async with asyncio.timeout(40):
                    await story(place)
            except (Exception, pytest.fail.Exception) as exc:
                failures.append(exc)
        for failure in failures:
            raise failure

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run())


async def until(check: Callable[[], bool], *, seconds: float = 5.0, what: str = "it happens") -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.005)


def request(path: str, *, method: str = "GET", body: bytes | None = None, rows: tuple[bytes, ...] = ()) -> bytes:
    lines = [f"{method} {path} HTTP/1.1".encode("latin-1"), b"Host: door", *rows]
    if body is not None:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")


CHAT = request("/api/chat", method="POST", body=b'{"model":"m"}')


def drip(writer: asyncio.StreamWriter, raw: bytes, *, pause: float) -> "asyncio.Task[None]":
    """Sends byte after byte, until it is told to stop or nobody takes any more."""

    async def dripping() -> None:
        with suppress(OSError):
            for number in range(len(raw)):
                writer.write(raw[number : number + 1])
                await writer.drain()
                await asyncio.sleep(pause)

    return asyncio.create_task(dripping())
