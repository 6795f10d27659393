"""Large bodies through the door, slow readers, and many connections: what they cost this process."""

import asyncio
import gc
import socket
import ssl
from pathlib import Path

import psutil
import pytest

from cluster_ai.pki.contexts import client_context
from cluster_ai.pki.types import node_host
from tests.node_agent.door.place import CHAT, HOST, Inner, Place, hear, leave, request, tell, until
from tests.pki.members import node_id

MIB = 1 << 20
SIZE = 200 * MIB
PIECE = b"x" * 65_536
READERS = 24


def rss() -> int:
    return int(psutil.Process().memory_info().rss)


async def pouring(inner: Inner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes a body of any length and answers with as much."""
    head = await reader.readuntil(b"\r\n\r\n")
    inner.requests.append(head)
    left = SIZE if b"/api/blobs/" in head else 0
    while left:
        left -= len(await reader.read(min(left, 1 << 18)))
    size = 2 if b"/api/blobs/" in head else SIZE
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
    while size:
        piece = PIECE[: min(size, len(PIECE))]
        writer.write(piece)
        size -= len(piece)
        await writer.drain()


async def pushing(inner: Inner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Writes without end; ``inner.bodies`` grows by one with each piece that was taken."""
    await inner.read(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n%b\r\n" % PIECE)
        await writer.drain()
        inner.requests.append(b"piece")


@pytest.mark.real
def test_body_of_200_megabytes_passes_in_flat_memory(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        reader, writer = await place.connect()
        before, most = rss(), 0
        writer.write(b"POST /api/blobs/sha256:0a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % SIZE)
        for number in range(SIZE // len(PIECE)):
            writer.write(PIECE)
            await writer.drain()
            if number % 64 == 0:
                most = max(most, rss())
        assert (await hear(reader, seconds=20)).status == 200
        await leave(writer)
        reader, writer = await place.connect()
        writer.write(CHAT)
        await reader.readuntil(b"\r\n\r\n")
        left = SIZE
        while left:
            left -= len(await reader.read(1 << 18))
            if left % (4 * MIB) < 1 << 18:
                most = max(most, rss())
        await leave(writer)
        assert most - before < 32 * MIB, f"{(most - before) / MIB:.0f} MiB"

    tell(tmp_path, story, pouring)


def test_reader_who_does_not_read_holds_little(tmp_path: Path) -> None:
    def unread(place: Place, context: ssl.SSLContext) -> ssl.SSLSocket:
        """Asks, and reads nothing. Holds nothing in this process either."""
        tls = context.wrap_socket(socket.create_connection((HOST, place.port)), server_hostname=node_host(node_id(1)))
        tls.sendall(CHAT)
        return tls

    async def story(place: Place) -> None:
        context = client_context(place.members.folder / "head")
        (await asyncio.to_thread(unread, place, context)).close()
        await until(lambda: place.engine.open == 0)
        gc.collect()
        before = rss()
        connections = [await asyncio.to_thread(unread, place, context) for _ in range(READERS)]
        written = -1
        while written != len(place.engine.requests):
            written = len(place.engine.requests)
            await asyncio.sleep(0.3)
        grown = (rss() - before) / READERS
        for connection in connections:
            connection.close()
        # Of an answer that has no end: what is held must not grow with it.
        assert grown < 2 * MIB, f"{grown / MIB:.2f} MiB each, with what the engine of this test holds"
        await until(lambda: place.engine.open == 0, what="the engine hears that nobody reads")

    tell(tmp_path, story, pushing)


def test_many_connections_leave_nothing_behind(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        process, context = psutil.Process(), await asyncio.to_thread(client_context, tmp_path / "head")

        async def connections(number: int) -> None:
            for step in range(number):
                reader, writer = await place.connect_by(context)
                writer.write(CHAT if step % 3 else request("/api/nowhere"))
                assert (await hear(reader)).status in {200, 403}
                await leave(writer)

        await asyncio.gather(*(connections(10) for _ in range(8)))
        await until(lambda: place.engine.open == 0)
        gc.collect()
        before, handles = rss(), process.num_fds()
        await asyncio.gather(*(connections(50) for _ in range(8)))
        await until(lambda: place.engine.open == 0)
        await until(lambda: process.num_fds() <= handles + 5, what="file descriptors are closed")
        gc.collect()
        # 40 KiB are the least that OpenSSL takes for one connection.
        assert rss() - before < 400 * 10 * 1024, f"{(rss() - before) / MIB:.1f} MiB"

    tell(tmp_path, story)
