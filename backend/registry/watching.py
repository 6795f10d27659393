"""A watch of the registry as a stream of lines: NDJSON, or server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from backend.auth import authenticate
from backend.plane import Plane
from backend.relay import NDJSON, raced
from backend.streams import QUIET_SECONDS, Gate
from cluster_ai.core.errors import ClusterError
from cluster_ai.registry.feed import Watcher
from cluster_ai.registry.types import Change

EVENTS: Final = "text/event-stream"
CHECK_SECONDS: Final = 5.0
"""How soon a revoked token ends a watch."""
LONGEST_CURSOR: Final = 64
_LINES_AT_ONCE: Final = 256

_TEXT: Final = {"schema": {"type": "string"}}
DESCRIBED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "content": {NDJSON: _TEXT, EVENTS: _TEXT},
        "description": "Changes, one a line; as server-sent events for who accepts these.",
    }
}
OpenWatch = Callable[[], AbstractContextManager[Watcher]]


def stream_to(request: Request, plane: Plane, *, kind: str | None, after: str) -> Response:
    """The watch that ``request`` asks for, in the form that it accepts."""
    cursor = after or request.headers.get("last-event-id", "")[:LONGEST_CURSOR]
    form = EVENTS if EVENTS in request.headers.get("accept", "") else NDJSON
    gate = Gate(lambda: authenticate(request, touch=False), plane.leaving)
    return WatchStream(lambda: plane.registry.watch(after=cursor, kind=kind), gate=gate, kind=form)


class WatchStream(Response):
    """Ends when the caller leaves or may not read on, or this process stops. ``kind``: NDJSON or server-sent events."""

    def __init__(self, watch: OpenWatch, *, gate: Gate, kind: str) -> None:
        super().__init__(media_type=kind)
        self._watch = watch
        self._gate = gate
        self._kind = kind

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await raced(self._stream(send), receive)

    async def _stream(self, send: Send) -> None:
        with self._watch() as watcher:
            headers = [
                (b"content-type", self._kind.encode()),
                (b"cache-control", b"no-store"),
                (b"x-accel-buffering", b"no"),
            ]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            async for changes in while_allowed(watcher, self._gate):
                for piece in _pieces(changes, self._kind):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


async def while_allowed(watcher: Watcher, gate: Gate) -> AsyncIterator[tuple[Change, ...]]:
    """Batches as they come, an empty one after a quiet stretch; until the gate closes."""
    clock = asyncio.get_running_loop().time
    told = checked = clock()
    async with _ended_by(gate.leaving, watcher):
        while True:
            changes = await _batch(watcher)
            if watcher.has_ended:
                return
            if clock() - checked > CHECK_SECONDS:
                try:
                    await gate.still_allowed()
                except ClusterError:
                    return
                checked = clock()
            if changes or clock() - told > QUIET_SECONDS:
                told = clock()
                yield changes


async def _batch(watcher: Watcher) -> tuple[Change, ...]:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await watcher.batch()
    except TimeoutError:
        return ()


@asynccontextmanager
async def _ended_by(leaving: asyncio.Event, watcher: Watcher) -> AsyncIterator[None]:
    waiting = asyncio.create_task(leaving.wait())
    waiting.add_done_callback(lambda _: watcher.end())
    try:
        yield
    finally:
        waiting.cancel()


def _pieces(changes: tuple[Change, ...], kind: str) -> Iterator[bytes]:
    """What is sent for them; of no changes, a sign that both sides are there."""
    form = _as_event if kind == EVENTS else _as_line
    if not changes:
        yield b": quiet\n\n" if kind == EVENTS else b"\n"
    for first in range(0, len(changes), _LINES_AT_ONCE):
        yield b"".join(map(form, changes[first : first + _LINES_AT_ONCE]))


def _as_line(change: Change) -> bytes:
    return change.line + b"\n"


def _as_event(change: Change) -> bytes:
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (change.cursor.encode(), change.what.encode(), change.line)
