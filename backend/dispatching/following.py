"""The lines of one ticket as they come, over server-sent events."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from backend.dispatching.opening import Dispatching
from backend.plane import Plane
from backend.relay import raced
from backend.streams import CHECK_SECONDS, Gate
from cluster_ai.core.errors import ClusterError, Unavailable
from cluster_ai.core.wire import dump_json
from cluster_ai.plans.lines import Piece

LOOK_SECONDS: Final = 0.5
QUIET_LOOKS: Final = 30
"""A comment is sent after so many looks that found nothing: neither side takes the other for dead."""


def the_dispatching(plane: Plane) -> Dispatching:
    """How tickets get done here.

    Raises:
        Unavailable: they are not.
    """
    if plane.dispatching is None:
        raise Unavailable("tickets are not done here")
    return plane.dispatching


async def followed(plane: Plane, ticket_id: str, *, after: int, follow: bool) -> AsyncIterator[Piece]:
    """Pieces from byte ``after`` on, until the ticket has ended and all was told; empty ones while there is nothing."""
    lines, last_round = the_dispatching(plane).lines, False
    while True:
        piece = await asyncio.to_thread(lines.read, ticket_id, after)
        yield piece
        after = piece.next
        if piece.lines:
            continue
        if last_round or not follow:
            return
        # Lines come before the report that ends the ticket: one more look after that has them all.
        last_round = (await plane.work.reader.ticket(ticket_id)).status.ended
        if not last_round:
            await asyncio.sleep(LOOK_SECONDS)


class LogStream(Response):
    """Events ``line`` with ``{"attempt", "at", "text"}``, and at the end one called ``end``; or lines of JSON alone."""

    def __init__(self, source: AsyncIterator[Piece], *, gate: Gate, as_lines: bool = False) -> None:
        super().__init__()
        self._kind = b"application/x-ndjson" if as_lines else b"text/event-stream; charset=utf-8"
        self._form = FORMS[as_lines]
        self._source = source
        self._gate = gate

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await raced(self._stream(send), receive)

    async def _stream(self, send: Send) -> None:
        headers = [
            (b"content-type", self._kind),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await _put(send, self._form.hello)
        quiet = 0
        clock = asyncio.get_running_loop().time
        checked = clock()
        async for piece in self._source:
            quiet = 0 if piece.lines else quiet + 1
            if piece.lines:
                await _put(send, "".join(self._form.line(line, piece.next) for line in piece.lines))
            elif quiet % QUIET_LOOKS == 0:
                await _put(send, self._form.quiet)
            if self._gate.leaving.is_set():
                break
            if clock() - checked > CHECK_SECONDS:
                if not await self._may_go_on():
                    break
                checked = clock()
        else:
            await _put(send, self._form.end)
        await send({"type": "http.response.body", "body": b""})

    async def _may_go_on(self) -> bool:
        try:
            await self._gate.still_allowed()
        except ClusterError:
            return False
        return True


async def _put(send: Send, text: str) -> None:
    if text:
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


def _as_event(line: dict[str, Any], next_: int) -> str:
    return f"id: {next_}\nevent: line\ndata: {dump_json(line).decode()}\n\n"


def _as_line(line: dict[str, Any], _next: int) -> str:
    return f"{dump_json(line).decode()}\n"


@dataclass(frozen=True, slots=True)
class Form:
    """How it is written."""

    line: Callable[[dict[str, Any], int], str]
    hello: str = ""
    quiet: str = ""
    end: str = ""


FORMS: Final = {
    False: Form(_as_event, ": hello\n\n", ": quiet\n\n", "event: end\ndata: {}\n\n"),
    True: Form(_as_line, quiet="\n"),
}
