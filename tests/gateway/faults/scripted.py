"""A node whose probes are honest and whose answers are any bytes: what no honest fake would ever write."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.fakes.raw import MODEL
from tests.loops import loop_in_thread

Then = Literal["close", "hang"]

NDJSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n"


@dataclass(frozen=True)
class Say:
    """What a request gets: pieces with a pause between them, and how the connection goes on after them."""

    pieces: tuple[bytes, ...]
    then: Then = "close"
    pause: float = 0.02
    heard: threading.Event | None = None
    """Waited for before the third piece: the client has what came before it, however slow the machine."""


@dataclass
class Scripted:
    """``says``: answer to every request that is no probe. ``clock``: what it takes the time to be, Unix seconds."""

    port: int = 0
    says: Say = Say((b"",))
    clock: float = 0.0
    asked: int = 0
    open: int = 0
    """Requests that it answers or holds now."""
    paths: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Cancelled it is only when the loop ends; asyncio's streams would report that as an error.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await self._converse(reader, writer)
        writer.close()
        # An error that nobody takes is complained of whenever the collector comes by.
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        path = head.split(b" ", 2)[1].decode()
        length = head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]
        await reader.readexactly(int(length or 0))
        if (told := self._probed(path)) is not None:
            writer.write(_whole(told))
            await writer.drain()
            return
        self.asked += 1
        self.paths.append(path)
        self.open += 1
        try:
            await self._say(reader, writer)
        finally:
            self.open -= 1

    async def _say(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        says = self.says
        for number, piece in enumerate(says.pieces):
            while number == 2 and says.heard and not says.heard.is_set():
                await asyncio.sleep(says.pause)
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(says.pause)
        if says.then == "hang":
            # Until the other side has left.
            await reader.read(1)

    def _probed(self, path: str) -> Any:
        now = time.strftime("%Y-%m-%dT%H:%M:%S.123456789Z", time.gmtime(self.clock or time.time()))
        model = {"name": MODEL, "model": MODEL, "size": 1, "digest": "", "details": {}}
        return {
            "/api/version": {"version": "0.33.0"},
            "/api/tags": {"models": [{**model, "modified_at": now}]},
            "/api/ps": {"models": [{**model, "expires_at": now}]},
            "/api/show": {"capabilities": ["completion", "tools"], "model_info": {}, "modified_at": now},
        }.get(path)


def _whole(value: Any) -> bytes:
    body = json.dumps(value).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)


@contextlib.contextmanager
def scripted(*, clock: float = 0.0) -> Iterator[Scripted]:
    """A running one, closed at the end."""
    node = Scripted(clock=clock)
    with loop_in_thread("scripted") as loop:
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(node.serve, "127.0.0.1", 0), loop).result(5)
        node.port = server.sockets[0].getsockname()[1]
        try:
            yield node
        finally:
            asyncio.run_coroutine_threadsafe(_closed(server), loop).result(5)


async def _closed(server: asyncio.Server) -> None:
    server.close()


def line(text: str = "", **more: Any) -> bytes:
    """A record of a streamed chat in Ollama's shape."""
    fields = {"model": MODEL, "created_at": "2026-01-01T00:00:00Z", "done": False}
    return json.dumps(fields | {"message": {"role": "assistant", "content": text}} | more).encode() + b"\n"


LAST = line(done=True, done_reason="stop", prompt_eval_count=1, eval_count=2)


def event(text: str = "", **more: Any) -> bytes:
    """A record of a streamed chat in OpenAI's shape."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None} | more
    return (
        b"data: " + json.dumps({"id": "x", "object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"
    )
