"""Little servers that say what they are told to."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Scripted:
    """``asked`` are the first lines of the requests, in order; ``most`` how many connections were open at once."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    connections: int = 0
    open: int = 0
    most: int = 0


@asynccontextmanager
async def talking(talk: Talk, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Scripted]:
    """A server that treats every connection so."""
    scripted = Scripted()
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        writers.append(writer)
        scripted.connections += 1
        scripted.open += 1
        scripted.most = max(scripted.most, scripted.open)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await talk(reader, writer)
        finally:
            scripted.open -= 1
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        scripted.port = server.sockets[0].getsockname()[1]
        try:
            yield scripted
        finally:
            # Not cancelled: the library would complain of a connection's task that was.
            for writer in writers:
                writer.transport.abort()
            await asyncio.wait_for(asyncio.gather(*tasks), 10)


def page(body: str | bytes, *, status: int = 200, kind: str = "application/json", more: str = "") -> bytes:
    raw = body.encode() if isinstance(body, str) else body
    return f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(raw)}\r\n{more}\r\n".encode() + raw


@asynccontextmanager
async def pages(
    answers: Mapping[str, bytes], *, otherwise: bytes | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Scripted]:
    """A web server; keys are ``METHOD /path``."""
    scripted: Scripted

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        line = head.partition(b" HTTP/")[0].decode()
        scripted.asked.append(line)
        if b"upgrade: websocket" in head.lower() and f"WS {line.partition(' ')[2]}" in answers:
            line = f"WS {line.partition(' ')[2]}"
        writer.write(answers.get(line, otherwise or page('{"detail":"Not Found"}', status=404)))
        await writer.drain()

    async with talking(talk, tls=tls) as scripted:
        yield scripted


def says(words: bytes) -> Talk:
    """Speaks first, and then no more."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        await writer.drain()
        await reader.read()

    return talk
