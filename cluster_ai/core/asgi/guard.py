"""An HTTP protocol that does not wait for ever.

uvicorn has no receive deadline: an idle connection, half a header or a dripping body stays open without limit, and its
httptools parser takes headers of any size. This subclass closes them: 408 for late, 431 for large, 400 for framing
that two servers could read differently (RFC 9112 section 6.3), and it drops a reader who never reads.
"""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain
from typing import Any, ClassVar, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from cluster_ai.core.alarm import Alarm
from cluster_ai.core.asgi.heads import JoinedHeads
from cluster_ai.core.asgi.leaving import Leaving
from cluster_ai.core.asgi.middleware import refusal
from cluster_ai.core.asgi.reading import Reading
from cluster_ai.core.asgi.unframed import Unframed
from cluster_ai.core.asgi.unread import Unread
from cluster_ai.core.wire import JSON_TYPE, dump_json

_UNCHUNKED: Final = "1.0"
HELD_LIMIT: Final = 4 * 1024
"""Bytes of an answer that wait in this process for a client who does not read; with more its source is made to wait."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one listener. Times in seconds, sizes in bytes."""

    header_seconds: float = 5.0
    body_seconds: float = 20.0
    write_seconds: float = 60.0
    slowest_reader: int = 64
    """Bytes a second that a client takes who is not let go after ``write_seconds``."""
    idle_seconds: float = 75.0
    """Between two requests."""
    header_bytes: int = 32 * 1024
    header_count: int = 100
    body_bytes: int = 1024 * 1024
    connections: int = 2048
    linger_seconds: float = 0.0
    """When the listener ends, a connection without a request is kept so long: one may be on its way."""
    streamed: tuple[str, ...] = ()
    """Beginnings of paths whose bodies go on as they come: of any size, and ``body_seconds`` is for each piece."""


class GuardedProtocol(HttpToolsProtocol):
    """Made for one listener by ``guarded(limits)``."""

    limits: ClassVar[Limits] = Limits()
    streamed: ClassVar[tuple[bytes, ...]] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline = Alarm(self._too_late)
        self._idle = Alarm(self.timeout_keep_alive_handler)
        self._unread: Unread | None = None
        self._head_bytes = 0
        """Of an unfinished head; inside a body, those since its last piece: of trailers and what is said of chunks."""
        self._in_head = True
        """Between two messages, or inside a head."""
        self._head_open = False
        """A head has begun and is not complete."""
        self._is_last = False
        """The listener ends: the next answer closes the connection."""
        self._streams = False
        self._answered: RequestResponseCycle | None = None
        """The request whose turn it is, or was. ``cycle`` is the last one that came: it may have to wait its turn."""
        self._is_deaf = False
        """Nothing that comes is a request any more: the connection ends behind the answer that is being given."""
        self._leaving = Leaving(self._read_on, self._hang_up)
        self._shown: tuple[str, ...] | None = None
        """The certificate that the client showed (PEM); None without TLS."""

    # -- life of the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        transport.set_write_buffer_limits(high=HELD_LIMIT)
        joined = JoinedHeads(transport, self.loop)
        super().connection_made(joined)
        self._shown = joined.shown
        self.flow = self._reading = Reading(joined, self._reads_again)
        if len(self.connections) > self.limits.connections:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too_many_connections", "too many connections; try again soon")
            return
        self._deadline.set(self.limits.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._writable()
        super().connection_lost(exc)
        if (answered := self._answered) is not None and not answered.response_complete:
            answered.disconnected = True
            answered.message_event.set()
        self._forget()

    def _forget(self) -> None:
        """Drops what holds us: left to the collector of cycles connections pile up until everything is searched."""
        self._deadline.close()
        self._idle.close()
        self._leaving.tell()
        self._reading.close()
        self.cycle = self._answered = self.parser = None  # type: ignore[assignment]
        self.pipeline.clear()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing() or self._is_deaf:
            return
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn's annotation hides that it starts as None
        idle = cycle is None or cycle.response_complete
        if idle and self._in_head and not self._deadline.is_set:
            self._deadline.set(self.limits.header_seconds)
        fresh = self._in_head
        if not fresh:
            self._head_bytes += len(data)
        super().data_received(data)
        # Only an unfinished head grows. One that began behind a body in this same chunk counts from the next chunk on:
        # how much of this one belongs to the body, the parser does not tell.
        if self._head_open and fresh:
            self._head_bytes += len(data)
        if self._head_bytes > self.limits.header_bytes and not self.transport.is_closing():
            self._refuse_head()

    def handle_websocket_upgrade(self) -> None:
        """Hands the connection to the WebSocket protocol, which has no deadline of its own for the handshake."""
        if (answered := self._answered) is not None and not answered.response_complete:
            self._end_behind(answered)
            return
        if isinstance(self.transport, JoinedHeads):
            self.transport = self.transport.raw
        super().handle_websocket_upgrade()
        self.loop.call_later(self.limits.header_seconds, _let_go_unless_agreed, self.transport)
        self._forget()

    def _read_on(self) -> None:
        self.flow.resume_reading()

    def _hang_up(self) -> None:
        # What uvicorn does itself when an application returns in the middle of an answer, less its line in the log.
        if self._answered is not None:
            self._answered.disconnected = True
        self.transport.close()

    # -- parser callbacks; one that raises makes uvicorn answer 400 and close

    def on_message_begin(self) -> None:
        self._in_head = self._head_open = True
        self._head_bytes = 0
        super().on_message_begin()
        if self._shown is not None:
            self.scope["extensions"] = {"tls": {"client_cert_chain": self._shown}}

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            # A trailer. The parser tells it as a header; the scope's headers are being read and must not grow.
            return
        super().on_header(name, value)
        if len(self.headers) > self.limits.header_count:
            self._refuse_head()
            raise ValueError("request head too large")

    def on_headers_complete(self) -> None:
        self._check_framing()
        self._streams = self.url.startswith(self.streamed)
        self._deadline.set(self.limits.body_seconds)
        super().on_headers_complete()
        self._in_head = self._head_open = False
        self._head_bytes = 0
        if self.pipeline:
            # It waits its turn, and its sender for the answers before it.
            self._deadline.clear()
        self._leaving.offer(self.scope)
        if self._is_last and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        super().on_body(body)
        if self._streams and not self.cycle.response_complete and not self.pipeline:
            self._deadline.set(self.limits.body_seconds)

    def on_message_complete(self) -> None:
        self._deadline.clear()
        self._in_head = True
        self._head_bytes = 0
        super().on_message_complete()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and cycle.response_complete:
            # It was answered before its body was here, which ended the wait for the next one.
            self._idle.set(self.limits.idle_seconds)

    def on_response_complete(self) -> None:
        """As uvicorn's own, which makes a timer for each answer."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            if not self._in_head and not self.pipeline:
                self._deadline.set(self.limits.body_seconds)
        else:
            self._idle.set(self.limits.idle_seconds)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        if cycle.scope["http_version"] == _UNCHUNKED:
            app = Unframed(app, cycle)
        super()._start_asgi_task(cycle, app)

    def _unset_keepalive_if_required(self) -> None:
        self._idle.clear()

    def _check_framing(self) -> None:
        names = [name for name, _ in self.headers]
        size = len(self.url) + 4 * len(names) + sum(map(len, chain.from_iterable(self.headers)))
        if size > self.limits.header_bytes:
            self._refuse_head()
            raise ValueError("request head too large")
        if names.count(b"host") != 1:
            raise ValueError("exactly one Host header is needed")
        if b"transfer-encoding" in names and b"content-length" in names:
            raise ValueError("Content-Length and Transfer-Encoding together")
        if b"transfer-encoding" in names:
            self._check_coding()
        if b"upgrade" in names and (names.count(b"content-length") or b"transfer-encoding" in names):
            raise ValueError("an upgrade has no body")
        if not self.url.startswith(b"/") and self.url != b"*":
            raise ValueError("the target must be a path")
        if b"upgrade" in names:
            # Otherwise uvicorn looks at it right after this.
            httptools.parse_url(self.url)

    def _check_coding(self) -> None:
        if self.parser.get_http_version() == _UNCHUNKED:
            raise ValueError("HTTP/1.0 has no Transfer-Encoding")
        if [value.strip().lower() for name, value in self.headers if name == b"transfer-encoding"] != [b"chunked"]:
            self._refuse(HTTPStatus.NOT_IMPLEMENTED, "unsupported", "the only Transfer-Encoding here is chunked")
            raise ValueError("unknown transfer coding")

    # -- the listener ends

    def shutdown(self) -> None:
        """Closes the connection after the answer that is being given; a client is never left without one.

        Between two requests it lingers: to close it at once would lose a request that is on its way.
        """
        self._is_last = True
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            cycle.keep_alive = False
        elif self.limits.linger_seconds and not self.transport.is_closing():
            self.loop.call_later(self.limits.linger_seconds, self._close_if_unused)
        else:
            self.transport.close()

    def _close_if_unused(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        if not self._head_open and (cycle is None or cycle.response_complete):
            self.transport.close()

    def cut(self) -> None:
        """Ends the connection now. An answer that has begun stays without its end, so that nobody takes it for whole.

        ``scope["farewell"]``, when the application left it, is what the client is told in the middle of a stream.
        """
        cycle = self._answered
        if cycle is not None and cycle.response_started and not cycle.response_complete:
            said = cycle.scope.get("farewell")
            if isinstance(said, bytes) and cycle.chunked_encoding:
                self.transport.write(b"%x\r\n%b\r\n" % (len(said), said))
            elif isinstance(said, bytes) and not cycle.expected_content_length:
                # Without chunks or length: to close is its end, and this the only sign that it is none.
                self.transport.write(said)
        elif cycle is not None and not cycle.response_complete:
            self._say(HTTPStatus.SERVICE_UNAVAILABLE, "stopping", "this process is stopping; ask again")
        self.transport.close()

    # -- a reader who does not read

    def pause_writing(self) -> None:
        super().pause_writing()
        seconds, slowest = self.limits.write_seconds, self.limits.slowest_reader
        self._unread = Unread(self.transport, self.loop, seconds=seconds, slowest=slowest)

    def resume_writing(self) -> None:
        self._writable()
        super().resume_writing()

    def _writable(self) -> None:
        if self._unread is not None:
            self._unread.close()
            self._unread = None

    # -- deadlines

    def _reads_again(self) -> None:
        if self._streams and self._deadline.is_set:
            # While we took nothing the sender could send nothing.
            self._deadline.set(self.limits.body_seconds)

    def _too_late(self) -> None:
        if self._streams and self.flow.read_paused:
            # We are those who take nothing: what we pass it on to is slow, and the client waits for us.
            self._deadline.set(self.limits.body_seconds)
            return
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, "request_timeout", "the request was not sent in time")

    def _refuse_head(self) -> None:
        limit = f"{self.limits.header_bytes} bytes or {self.limits.header_count} headers"
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        self._refuse(status, "headers_too_large", f"the request head is larger than {limit}")

    def _refuse(self, status: HTTPStatus, code: str, message: str) -> None:
        """Ends the connection because of what is being received; its sender is told so where an answer belongs."""
        self._deadline.clear()
        if self.transport.is_closing() or self._is_deaf:
            return
        answered = self._answered
        if answered is None or answered.response_complete:
            if self._in_head:
                self._say(status, code, message)
            else:
                # The body of a request that has its answer.
                self.transport.close()
        elif self._in_head or self.cycle is not answered:
            # It is no fault of the request whose answer is being given.
            self._end_behind(answered)
        elif answered.response_started:
            # Half an answer is on the wire: a second status line inside it would be read as content.
            self.transport.abort()
        else:
            self._say(status, code, message)

    def _end_behind(self, answered: RequestResponseCycle) -> None:
        self._is_deaf = True
        answered.keep_alive = False
        self.pipeline.clear()
        # Only who reads hears that a client leaves.
        self.flow.resume_reading()

    def _say(self, status: HTTPStatus, code: str, message: str) -> None:
        body = dump_json(refusal(status, code, message))
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {JSON_TYPE}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        self._refuse(HTTPStatus.BAD_REQUEST, "bad_request", msg)


def guarded(limits: Limits) -> type[GuardedProtocol]:
    """The protocol class for one listener (uvicorn takes a class, so the limits are bound to one)."""
    streamed = tuple(path.encode() for path in limits.streamed)
    return type("GuardedProtocol", (GuardedProtocol,), {"limits": limits, "streamed": streamed})


def _let_go_unless_agreed(transport: asyncio.Transport) -> None:
    protocol = transport.get_protocol()
    if not transport.is_closing() and not getattr(protocol, "handshake_complete", False):
        transport.abort()
