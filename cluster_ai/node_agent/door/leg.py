"""The inner half of a passage: a connection to what serves here. Bytes go on as they came; only their end counts."""

import asyncio
from typing import Any, Final, Protocol, cast

import httptools

_OK: Final = 200


class Outside(Protocol):
    """The half that faces the caller."""

    def answer(self, data: bytes) -> None: ...

    def answered(self, *, keep: bool) -> None: ...

    def lost(self, *, in_answer: bool, until_end: bool) -> None: ...

    def hold(self) -> None: ...

    def go_on(self) -> None: ...


class Leg(asyncio.Protocol):
    """One connection inwards, for one request at a time."""

    def __init__(self, outside: Outside, place: str) -> None:
        self._outside = outside
        self.place = place
        """What it leads to."""
        self._transport: asyncio.Transport | None = None
        self._parser: Any = httptools.HttpResponseParser(self)
        self._in_answer = False
        self._is_head = False
        self._framed = False
        self._has_head = False

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def begin(self, head: bytes, *, is_head: bool) -> None:
        """A request; its body follows by ``write``."""
        self._in_answer, self._is_head, self._framed, self._has_head = True, is_head, False, False
        self.write(head)

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def pause(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def cut(self) -> None:
        """Ends it at once: whoever works there sees that nobody waits any more."""
        if self._transport is not None:
            self._transport.abort()

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def pause_writing(self) -> None:
        self._outside.hold()

    def resume_writing(self) -> None:
        self._outside.go_on()

    def data_received(self, data: bytes) -> None:
        if not self._in_answer:
            self.cut()
            return
        # First what came, then what it means: its end may let the next request in.
        self._outside.answer(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        was, self._in_answer = self._in_answer, False
        self._parser = None
        self._outside.lost(in_answer=was, until_end=exc is None and self._has_head and not self._framed)

    # What the parser tells.

    def on_header(self, name: bytes, _value: bytes) -> None:
        if name.lower() in {b"content-length", b"transfer-encoding"}:
            self._framed = True

    def on_headers_complete(self) -> None:
        self._has_head = self._parser.get_status_code() >= _OK
        if self._is_head and self._parser.get_status_code() >= _OK:
            keep = bool(self._parser.should_keep_alive())
            # It names the length of a body that does not come.
            self._parser = httptools.HttpResponseParser(self)
            self._end(keep=keep)

    def on_message_complete(self) -> None:
        if self._parser is not None and self._in_answer and self._parser.get_status_code() >= _OK:
            self._end(keep=bool(self._parser.should_keep_alive()))

    def _end(self, *, keep: bool) -> None:
        self._in_answer = False
        self._outside.answered(keep=keep)
