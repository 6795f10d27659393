"""An answer said otherwise than the relay says it: with more in its head, or in another dialect.

It stands where the server's ``send`` would: the relay needs not know that somebody translates.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import orjson
from starlette.types import Message, Send

from cluster_ai.core.ids import new_id
from cluster_ai.core.wire import JSON_TYPE
from cluster_ai.gateway.dialects.anthropic import Translated
from cluster_ai.gateway.dialects.anthropic_stream import Events, answer, framed
from cluster_ai.gateway.dialects.call import Call
from cluster_ai.gateway.dialects.paths import Dialect, error_body
from cluster_ai.gateway.dialects.records import Records

EVENT_STREAM: Final = "text/event-stream; charset=utf-8"
_CLIENT_ERROR: Final = 400
_START: Final = "http.response.start"

Header = tuple[bytes, bytes]


class Telling(Protocol):
    """How an answer is retold."""

    def whole(self, status: int, body: bytes) -> bytes:
        """An answer of one piece."""

    def bit(self, chunk: bytes) -> bytes:
        """The next bytes of a stream."""


@dataclass(slots=True)
class Headed:
    """A ``send`` that adds to an answer's head."""

    send: Send
    more: Mapping[str, str]

    async def __call__(self, message: Message) -> None:
        if message["type"] == _START:
            added = [(name.lower().encode("latin-1"), _plain(value)) for name, value in self.more.items()]
            message = {**message, "headers": joined(message.get("headers", ()), added)}
        await self.send(message)


@dataclass(slots=True)
class Retold:
    """A ``send`` for one answer in another dialect. ``stream``: whether the client asked for one."""

    send: Send
    telling: Telling
    stream: bool
    _start: Message | None = field(default=None, init=False)

    async def __call__(self, message: Message) -> None:
        if message["type"] == _START:
            await self._head(message)
        elif self._start is not None:
            await self._whole(self._start, message)
        else:
            body = message.get("body", b"")
            await self.send({**message, "body": self.telling.bit(body) if body else b""})

    async def _head(self, message: Message) -> None:
        if self.stream and message["status"] < _CLIENT_ERROR:
            await self.send({**message, "headers": _of_kind(message, EVENT_STREAM)})
            return
        # How long it will be is known when all of it is here.
        self._start = message

    async def _whole(self, start: Message, message: Message) -> None:
        body = self.telling.whole(start["status"], message.get("body", b""))
        sized = [*_of_kind(start, JSON_TYPE), (b"content-length", str(len(body)).encode())]
        await self.send({**start, "headers": sized})
        await self.send({**message, "body": body})


@dataclass(slots=True)
class AsMessage:
    """Ollama's chat as Anthropic's message."""

    events: Events
    records: Records = field(default_factory=lambda: Records(Dialect.OLLAMA))

    def whole(self, status: int, body: bytes) -> bytes:
        said = _object(body)
        if status >= _CLIENT_ERROR:
            words = str(said.get("error") or "the node gave no reason")
            return error_body(Dialect.ANTHROPIC, status, words, code=str(said.get("code") or "refused"))
        return orjson.dumps(answer([said], self.events))

    def bit(self, chunk: bytes) -> bytes:
        found = self.records.feed(chunk)
        return b"".join(framed(self.events.add(record.data)) for record in found if record.data is not None)


def as_message(send: Send, call: Call, told: Translated, *, input_tokens: int) -> Send:
    """A ``send`` for the answer to a translated call; ``call`` is the one that came."""
    events = Events(
        _named("msg"),
        call.model,
        lambda: _named("toolu"),
        input_tokens=input_tokens,
        one_call=told.one_call,
        forced=told.forced,
    )
    return Retold(send, AsMessage(events), call.stream)


def _named(kind: str) -> str:
    return f"{kind}_{new_id().replace('-', '')}"


def joined(headers: Any, added: list[Header]) -> list[Header]:
    """Headers with others added; a value is put behind that of the same name."""
    found: dict[bytes, bytes] = dict(headers)
    for name, value in added:
        found[name] = found[name] + b"; " + value if name in found else value
    return list(found.items())


def _of_kind(message: Message, kind: str) -> list[Header]:
    rest = [row for row in message.get("headers", ()) if row[0] not in {b"content-type", b"content-length"}]
    return [*rest, (b"content-type", kind.encode())]


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _plain(value: str) -> bytes:
    return "".join(filter(str.isprintable, value)).encode("latin-1", "replace")
