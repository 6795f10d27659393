"""An HTTP protocol that does not wait for ever.

uvicorn has no receive deadline: an idle connection, half a header or a dripping body stays open without limit, and its
httptools parser takes headers of any size. This subclass closes them: 408 for late, 431 for large, 400 for framing
that two servers could read differently (RFC 9112 section 6.3), and it drops a reader who never reads.
"""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from cluster_ai.core.asgi.middleware import refusal
from cluster_ai.core.wire import JSON_TYPE, dump_json


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one listener. Times in seconds, sizes in bytes."""

    header_seconds: float = 5.0
    body_seconds: float = 20.0
    write_seconds: float = 60.0
    header_bytes: int = 32 * 1024
    header_count: int = 100
    body_bytes: int = 1024 * 1024
    connections: int = 2048


class GuardedProtocol(HttpToolsProtocol):
    """Made for one listener by ``guarded(limits)``."""

    limits: ClassVar[Limits] = Limits()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self._in_head = True
        """Between two messages, or inside a head."""
        self._head_open = False
        """A head has begun and is not complete."""

    # -- life of the connection

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "too_many_connections", "too many connections; try again soon")
            return
        self._arm(self.limits.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._writable()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn's annotation hides that it starts as None
        idle = cycle is None or cycle.response_complete
        if idle and self._in_head and self._deadline is None:
            self._arm(self.limits.header_seconds)
        fresh = self._in_head
        super().data_received(data)
        # Only an unfinished head grows. One that began behind a body in this same chunk counts from the next chunk on:
        # how much of this one belongs to the body, the parser does not tell.
        if self._head_open and fresh and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > self.limits.header_bytes:
                self._too_large()

    def handle_websocket_upgrade(self) -> None:
        """Hands the connection to the WebSocket protocol, which has no deadline of its own for the handshake."""
        self._disarm()
        super().handle_websocket_upgrade()
        self.loop.call_later(self.limits.header_seconds, _let_go_unless_agreed, self.transport)

    # -- parser callbacks; one that raises makes uvicorn answer 400 and close

    def on_message_begin(self) -> None:
        self._in_head = self._head_open = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > self.limits.header_count:
            self._too_large()

    def on_headers_complete(self) -> None:
        self._in_head = self._head_open = False
        self._check_framing()
        self._arm(self.limits.body_seconds)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._disarm()
        self._in_head = True
        self._head_bytes = 0
        super().on_message_complete()

    def _check_framing(self) -> None:
        names = [name for name, _ in self.headers]
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.limits.header_bytes:
            self._too_large()
        if names.count(b"host") != 1:
            raise ValueError("exactly one Host header is needed")
        if b"transfer-encoding" in names and b"content-length" in names:
            raise ValueError("Content-Length and Transfer-Encoding together")
        if b"upgrade" in names and (names.count(b"content-length") or b"transfer-encoding" in names):
            raise ValueError("an upgrade has no body")
        if not self.url.startswith(b"/") and self.url != b"*":
            raise ValueError("the target must be a path")
        httptools.parse_url(self.url)

    # -- a reader who does not read

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_deadline = self.loop.call_later(self.limits.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._writable()
        super().resume_writing()

    def _writable(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None

    # -- deadlines

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(seconds, self._too_late)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_late(self) -> None:
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, "request_timeout", "the request was not sent in time")

    def _too_large(self) -> None:
        limit = f"{self.limits.header_bytes} bytes or {self.limits.header_count} headers"
        status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        self._refuse(status, "headers_too_large", f"the request head is larger than {limit}")
        raise ValueError("request head too large")

    def _refuse(self, status: HTTPStatus, code: str, message: str) -> None:
        self._disarm()
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and cycle.response_started and not cycle.response_complete:
            # Half an answer is on the wire: a second status line inside it would be read as content.
            self.transport.abort()
            return
        body = dump_json(refusal(status, code, message))
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {JSON_TYPE}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode("ascii") + body)
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        if not self.transport.is_closing():
            self._refuse(HTTPStatus.BAD_REQUEST, "bad_request", msg)


def guarded(limits: Limits) -> type[GuardedProtocol]:
    """The protocol class for one listener (uvicorn takes a class, so the limits are bound to one)."""
    return type("GuardedProtocol", (GuardedProtocol,), {"limits": limits})


def _let_go_unless_agreed(transport: asyncio.Transport) -> None:
    protocol = transport.get_protocol()
    if not transport.is_closing() and not getattr(protocol, "handshake_complete", False):
        transport.abort()
