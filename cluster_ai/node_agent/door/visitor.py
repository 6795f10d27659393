"""The outer half of a passage: a caller of the cluster, whose requests are checked one by one and framed anew.

What goes inwards is written here from what the parser understood, never copied: two readers cannot see two requests in
the same bytes. What comes back is handed on as it is.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, cast

import httptools
import structlog

from cluster_ai.core.alarm import Alarm
from cluster_ai.core.wire import dump_json
from cluster_ai.node_agent.door.access import Behind, behind
from cluster_ai.node_agent.door.leg import Leg
from cluster_ai.pki.peer import peer_of
from cluster_ai.pki.types import CertificateRefused, Identity

log = structlog.get_logger(__name__)
HEAD_BYTES: Final = 32 * 1024
HEAD_SECONDS: Final = 10.0
BODY_SECONDS: Final = 60.0
"""Longest silence inside a request."""
IDLE_SECONDS: Final = 120.0
HELD_BYTES: Final = 64 * 1024
"""Of an answer, for a caller who does not read; with more what serves here is made to wait."""
_DROPPED: Final = frozenset(
    {b"host", b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade",
     b"content-length", b"authorization", b"cookie", b"expect", b"x-cluster-peer"}
)  # fmt: skip
"""Headers that are between the caller and this door alone."""

Enter = Callable[[Behind, Leg], Awaitable[None]]
"""Connects a leg to what stands behind the door.

Raises:
    OSError: nothing serves there.
"""


@dataclass(slots=True)
class House:
    """What all visitors of one door share. ``is_open``: who comes out of the TLS handshake later is not let in."""

    cluster_id: str
    enter: Enter
    place: Callable[[Behind], str]
    """What would be entered now; another text means another connection."""
    start: Callable[[Coroutine[Any, Any, None]], object]
    visitors: set["Visitor"]
    is_open: bool = True


class Visitor(asyncio.Protocol):
    """One connection from outside."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._transport: asyncio.Transport | None = None
        self._parser: Any = httptools.HttpRequestParser(self)
        self._who: Identity | None = None
        self._leg: Leg | None = None
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_bytes = 0
        self._in_head = True
        self._is_busy = False
        """A request is on its way, and its answer not complete."""
        self._is_chunked = False
        self._waiting: list[bytes] | None = None
        """Pieces of a request until there is a leg to write them to."""
        self._alarm = Alarm(self._too_late)

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast("asyncio.Transport", transport)
        if not self._house.is_open:
            transport.abort()
            return
        self._house.visitors.add(self)
        transport.set_write_buffer_limits(high=HELD_BYTES)
        try:
            self._who = peer_of(transport.get_extra_info("ssl_object"))
        except CertificateRefused as exc:
            log.warning("refused at this machine's door", reason=exc.message)
        if self._who is None or self._who.cluster_id != self._house.cluster_id:
            self._transport.abort()
            return
        self._alarm.set(IDLE_SECONDS)

    def data_received(self, data: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._in_head:
            if not self._head_bytes and not self._is_busy:
                # From its first byte on: one that drips is late as well.
                self._alarm.set(HEAD_SECONDS)
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(400, "bad_request", "that is no request that this door understands")
            return
        if self._in_head and self._head_bytes > HEAD_BYTES:
            self._refuse_large()

    def pause_writing(self) -> None:
        if self._leg is not None:
            self._leg.pause()

    def resume_writing(self) -> None:
        if self._leg is not None:
            self._leg.resume()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._transport = None
        self._house.visitors.discard(self)
        self._alarm.close()
        self._parser = None
        if self._leg is not None:
            self._leg.cut()

    def cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # What the parser tells.

    def on_message_begin(self) -> None:
        if self._is_busy:
            # Its answer would have to wait for the one before; nobody of ours asks so.
            self.cut()
            return
        self._target, self._headers, self._in_head = b"", [], True

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes, self._is_busy = False, 0, True
        self._alarm.set(BODY_SECONDS)
        if len(self._target) + sum(len(name) + len(value) for name, value in self._headers) > HEAD_BYTES:
            self._refuse_large()
            return
        assert self._who is not None, "nobody unknown gets here"
        method = self._parser.get_method().decode("latin-1")
        chosen = behind(self._who.role, method, self._target.decode("latin-1"))
        if chosen is None:
            log.warning("refused at this machine's door", who=self._who.uri, method=method, path=str(self._target[:80]))
            self._refuse(403, "forbidden", "this door does not lead there for you")
            return
        head = self._head(method)
        if head is None:
            self._refuse(400, "bad_request", "the length of the request can be read in two ways")
            return
        if self._leg is not None and self._leg.is_open and self._leg.place == self._house.place(chosen):
            self._leg.begin(head, is_head=method == "HEAD")
            return
        self._drop_leg()
        self._waiting = []
        self._house.start(self._enter(chosen, head, is_head=method == "HEAD"))

    def on_body(self, body: bytes) -> None:
        self._alarm.set(BODY_SECONDS)
        self._send(b"%x\r\n%b\r\n" % (len(body), body) if self._is_chunked else body)

    def on_message_complete(self) -> None:
        self._in_head = True
        if self._is_chunked:
            self._send(b"0\r\n\r\n")
        # From now on it is for what serves here to answer.
        self._alarm.clear()

    # What the leg tells.

    def answer(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def answered(self, *, keep: bool) -> None:
        if not self._in_head or not keep:
            # Answered before the whole request was here, or for the last time.
            self._close()
            return
        self._is_busy = False
        self._alarm.set(IDLE_SECONDS)

    def lost(self, *, in_answer: bool, until_end: bool) -> None:
        self._leg = None
        if not in_answer:
            return
        if until_end:
            self._close()
        else:
            self.cut()

    def hold(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def go_on(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # Inside.

    async def _enter(self, chosen: Behind, head: bytes, *, is_head: bool) -> None:
        leg = Leg(self, self._house.place(chosen))
        self.hold()
        try:
            await self._house.enter(chosen, leg)
        except OSError as exc:
            self._refuse(503, "engine_away", f"nothing serves models on this machine now: {exc.strerror or exc}")
            return
        if self._transport is None or self._transport.is_closing():
            leg.cut()
            return
        self._leg, waiting, self._waiting = leg, self._waiting or [], None
        leg.begin(head, is_head=is_head)
        for piece in waiting:
            leg.write(piece)
        self.go_on()

    def _send(self, data: bytes) -> None:
        if self._waiting is not None:
            self._waiting.append(data)
        elif self._leg is not None:
            self._leg.write(data)

    def _head(self, method: str) -> bytes | None:
        """The request's head as it goes inwards; None when its length is in doubt."""
        lengths = [value for name, value in self._headers if name == b"content-length"]
        codings = [value for name, value in self._headers if name == b"transfer-encoding"]
        if len(lengths) + len(codings) > 1 or (codings and codings[0].strip().lower() != b"chunked"):
            return None
        self._is_chunked = bool(codings)
        assert self._who is not None, "nobody unknown gets here"
        rows = [b"%b %b HTTP/1.1" % (method.encode("latin-1"), self._target), b"host: localhost"]
        rows.extend(b"%b: %b" % row for row in self._headers if row[0] not in _DROPPED)
        rows.append(b"x-cluster-peer: " + self._who.uri.encode("ascii"))
        if lengths:
            rows.append(b"content-length: " + lengths[0])
        if codings:
            rows.append(b"transfer-encoding: chunked")
        return b"\r\n".join(rows) + b"\r\n\r\n"

    def _refuse(self, status: int, code: str, message: str) -> None:
        raw = dump_json({"error": message, "code": code})
        rows = (b"HTTP/1.1 %d Refused" % status, b"content-type: application/json", b"connection: close")
        self.answer(b"\r\n".join((*rows, b"content-length: %d" % len(raw), b"", raw)))
        # What still comes of the request is not for the one before it.
        self._drop_leg()
        self._close()

    def _refuse_large(self) -> None:
        self._refuse(431, "headers_too_large", "the head of the request is too large")

    def _drop_leg(self) -> None:
        leg, self._leg = self._leg, None
        if leg is not None:
            leg.cut()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def _too_late(self) -> None:
        self.cut()
