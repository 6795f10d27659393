"""Bus to browser: the same numbered messages over a WebSocket and over server-sent events, with a resume cursor."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from backend.live import OVERVIEW, TOPICS
from backend.relay import raced
from cluster_ai.core.bus import Bus, Message
from cluster_ai.core.errors import ClusterError, InvalidInput
from cluster_ai.core.events import Event
from cluster_ai.core.wire import INT64_MAX, dump_json
from cluster_ai.notify.forms import OWN_ADDRESS

QUIET_SECONDS = 15.0
"""A comment is sent after this much silence, so that neither side takes the other for dead."""
CHECK_SECONDS = 1.0
"""How soon a sign-out or a revoked token ends a stream that is open."""
SEND_SECONDS = 60.0
"""A reader of a WebSocket who takes nothing for so long is let go."""


def everything(_message: Message) -> bool:
    """Where every message is for whoever may read the stream."""
    return True


@dataclass(frozen=True, slots=True)
class Gate:
    """Until when a stream may go on: its credential is worth something, and the process is not about to stop.

    ``shows``: whether a message is for this reader.
    """

    still_allowed: Callable[[], Awaitable[object]]
    leaving: asyncio.Event
    shows: Callable[[Message], bool] = everything


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a subscriber asked for: no topics when they named none. ``after``: the number of the last message that they
    have.
    """

    topics: tuple[str, ...]
    after: int | None


def wanted(topics: str, after: str) -> Wanted:
    """The query of a subscription, read.

    Raises:
        InvalidInput: a topic that does not exist, or a cursor that is no number.
    """
    names = tuple(dict.fromkeys(name for name in topics.split(",") if name))
    for name in names:
        if name not in TOPICS:
            raise InvalidInput(
                f"there is no topic {name[:40]!r}", path="topics", hint=f"topics: {', '.join(sorted(TOPICS))}"
            )
    if not after:
        return Wanted(names, None)
    if not (after.isascii() and after.isdecimal()) or int(after[:20]) > INT64_MAX:
        raise InvalidInput("after is the number of a message", path="after")
    return Wanted(names, int(after))


async def messages(bus: Bus, asked: Wanted, latest: Callable[[], BaseModel]) -> AsyncIterator[Message | None]:
    """Messages as they come, None after a quiet stretch. A newcomer gets the present picture first."""
    # A cursor from before a restart of ours is larger than any number we gave out: such a caller is a newcomer.
    after = asked.after if asked.after is not None and asked.after <= bus.last_number else None
    with bus.subscribe(*asked.topics, after=after) as subscription:
        if after is None and OVERVIEW in asked.topics and bus.last_number:
            yield Message(bus.last_number, OVERVIEW, latest())
        while True:
            try:
                async with asyncio.timeout(QUIET_SECONDS):
                    message = await subscription.next()
            except TimeoutError:
                yield None
            else:
                yield message


def as_text(message: Message) -> str:
    """The envelope, as both transports carry it."""
    return dump_json({"number": message.number, "topic": message.topic, "data": _plain(message.data)}).decode()


def _plain(data: Any) -> Any:
    """What a message holds, as JSON has it: a picture, an event in either form, or what is plain already."""
    if isinstance(data, BaseModel):
        return data.model_dump(mode="json")
    if isinstance(data, Event):
        data = {"id": data.id, "type": data.type, "subject": data.subject, "at": data.at, "data": dict(data.data)}
    if isinstance(data, dict) and isinstance(inner := data.get("data"), dict) and OWN_ADDRESS in inner:
        # A ticket's own receiver can hold a secret, and readers need no more than a sign-in.
        return data | {"data": {name: value for name, value in inner.items() if name != OWN_ADDRESS}}
    return data


class EventStream(Response):
    """Server-sent events. Ends when the caller leaves, or may not read on."""

    def __init__(self, source: AsyncIterator[Message | None], *, gate: Gate) -> None:
        super().__init__(media_type="text/event-stream")
        self._source = source
        self._gate = gate

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await raced(self._stream(send), receive)

    async def _stream(self, send: Send) -> None:
        headers = [
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

        async def put(text: str) -> None:
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})

        await put(": hello\n\n")
        async for message in allowed_only(self._source, self._gate):
            await put(": quiet\n\n" if message is None else _as_event(message))
        await send({"type": "http.response.body", "body": b""})


async def allowed_only(source: AsyncIterator[Message | None], gate: Gate) -> AsyncIterator[Message | None]:
    """Passes messages on until the gate closes; looked at with each message, and there is one a second.

    Those that are not for this reader are left out; None when that has been all for a quiet stretch.
    """
    clock = asyncio.get_running_loop().time
    checked = told = clock()
    async for message in source:
        if gate.leaving.is_set():
            return
        if clock() - checked > CHECK_SECONDS:
            try:
                await gate.still_allowed()
            except ClusterError:
                return
            checked = clock()
        shown = message is None or gate.shows(message)
        if shown or clock() - told > QUIET_SECONDS:
            told = clock()
            yield message if shown else None


def _as_event(message: Message) -> str:
    return f"id: {message.number}\nevent: {message.topic}\ndata: {as_text(message)}\n\n"
