"""One connection to a node, and the answer that comes on it. Callbacks and a future: no task, no lock, no copy."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import httptools

from cluster_ai.gateway.wire.errors import CutOff, NoAnswer, NotHttp, TooLong, WireError, words_of

HEAD_LIMIT: Final = 64 * 1024
"""Bytes that may come in a row without being the body of an answer: heads, trailers, extensions of chunks."""
UNREAD_LIMIT: Final = 64 * 1024
"""Bytes of an answer that wait in the system to be read before its node is made to wait; the system doubles that."""
HELD_LIMIT: Final = 4 * 1024
"""The same in this process: with more nothing is read from the system until these have been read."""
JOINED_BYTES: Final = 16 * 1024
"""Up to this size a body is copied behind its head, which is cheaper than to write two pieces."""
_SWITCHING: Final = 101
_OK: Final = 200


class Response:
    """An answer from its head on. ``close`` it, however it ends."""

    __slots__ = ("_chunks", "_connection", "_failure", "_unread", "_waiter", "headers", "is_complete", "status")

    def __init__(self, connection: "Connection") -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        """By name in lower case; of one that comes twice the first counts."""
        self.is_complete = False
        """All of it has come; some of it may not have been read."""
        self._connection: Connection | None = connection
        self._chunks: list[bytes] = []
        self._unread = 0
        self._failure: WireError | None = None
        self._waiter: asyncio.Future[None] | None = None

    @property
    def at_end(self) -> bool:
        """All of it has been read."""
        return self.is_complete and not self._chunks

    @property
    def is_ready(self) -> bool:
        """``read_some`` will not wait."""
        return bool(self._chunks) or self.is_complete

    async def read_some(self) -> bytes:
        """What is there of the body, as soon as anything is; nothing at its end.

        Raises:
            WireError: it ended before its end. What had come until then was read before.
        """
        while not self._chunks:
            if self.is_complete:
                return b""
            if self._failure is not None:
                raise self._failure
            await self.wait()
        chunks, self._chunks = self._chunks, []
        if self._unread > HELD_LIMIT and self._connection is not None:
            self._connection.read_on()
        self._unread = 0
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def read(self, most: int) -> bytes:
        """All of the body, of ``most`` bytes.

        Raises:
            TooLong: it is longer.
            WireError: it ended before its end.
        """
        chunks, size = [], 0
        while chunk := await self.read_some():
            chunks.append(chunk)
            size += len(chunk)
            if size > most:
                raise TooLong(f"answered more than {most >> 20} MiB")
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def close(self) -> None:
        """Lets go of it. The connection may be used again if the answer is complete, and is cut if not."""
        connection, self._connection = self._connection, None
        if connection is not None:
            if not self.is_complete:
                self.fail(CutOff("the answer was closed"))
            connection.release(self)
        if self._failure is not None:
            # What was raised holds the frames that it went through, and they hold this.
            self._failure = CutOff("the answer was closed")

    async def head(self) -> None:
        """Waits until status and headers are there.

        Raises:
            WireError: they do not come.
        """
        while not self.status:
            if self._failure is not None:
                raise self._failure
            await self.wait()

    async def wait(self) -> None:
        """Until something happens to it."""
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def begin(self, status: int, headers: Mapping[str, str]) -> None:
        self.status, self.headers = status, headers

    def add(self, chunk: bytes) -> int:
        """Answers the bytes that nobody has read."""
        self._chunks.append(chunk)
        self._unread += len(chunk)
        return self._unread

    def fail(self, failure: WireError) -> None:
        if self._failure is None and not self.is_complete:
            self._failure = failure
            self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Connection(asyncio.Protocol):
    """To one node, for one request at a time.

    ``is_ready`` is told once the last answer is complete and released, ``is_lost`` once when the connection has ended.
    """

    def __init__(self, is_ready: Callable[["Connection"], None], is_lost: Callable[["Connection"], None]) -> None:
        self._is_ready = is_ready
        self._is_lost = is_lost
        self._transport: asyncio.Transport | None = None
        self._parser: Any = httptools.HttpResponseParser(self)
        self._response: Response | None = None
        self._headers: dict[str, str] = {}
        self._dry = 0
        """Bytes since the last of a body."""
        self._is_paused = False
        self._may_stay = False
        """The node keeps it after this answer."""
        self.has_heard = False
        """Something came since the last request."""
        self.idle_since = 0.0

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def send(self, head: bytes, body: bytes) -> Response:
        """Writes a request. Its answer is waited for with ``Response.head``."""
        assert self._transport is not None, "connected before it is used"
        response = self._response = Response(self)
        self._headers, self._dry = {}, 0
        self.has_heard = self._may_stay = False
        if len(body) <= JOINED_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))
        return response

    def read_on(self) -> None:
        """What there was has been read."""
        if self._is_paused and self._transport is not None:
            self._is_paused = False
            self._transport.resume_reading()

    def release(self, response: Response) -> None:
        self._response = None
        transport = self._transport
        # Of a request that was answered before all of it was sent, the rest would come before the next one.
        if response.is_complete and self._may_stay and self.is_open and not _unsent(transport):
            self._is_ready(self)
        else:
            self.cut()

    def cut(self) -> None:
        """Ends it at once."""
        if self._transport is not None:
            self._transport.abort()

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        response = self._response
        if response is None:
            # Nobody asked: whoever is asked next must not take it for the answer.
            self.cut()
            return
        self.has_heard = True
        self._dry += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as exc:
            self._refuse(response, NotHttp(), exc)
        if self._dry > HEAD_LIMIT:
            self._refuse(response, NotHttp(f"more than {HEAD_LIMIT >> 10} KiB of headers"), None)
        response.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._response is not None:
            self._end(self._response, exc)
        # Parser and connection hold each other; without this both would wait for the collector.
        self._parser = None
        self._is_lost(self)

    # What the parser tells.

    def on_message_begin(self) -> None:
        if self._response is not None and self._response.is_complete:
            # A second answer to one request.
            self._may_stay = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < _OK:
            # An interim answer: the real one follows.
            self._headers = {}
        elif self._response is not None and not self._response.is_complete:
            self._response.begin(status, self._headers)
            # Trailers come through on_header, too, and are no headers of it.
            self._headers = {}
            self._dry = 0

    def on_body(self, chunk: bytes) -> None:
        self._dry = 0
        response = self._response
        if response is None or response.is_complete:
            return
        if response.add(chunk) > HELD_LIMIT and not self._is_paused and self._transport is not None:
            self._is_paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._response is not None and self._response.status and not self._response.is_complete:
            self._response.is_complete = True
            self._may_stay = bool(self._parser.should_keep_alive())
            # Nothing more is to be held back, and an end of the connection must be heard.
            self.read_on()

    def _refuse(self, response: Response, failure: WireError, cause: Exception | None) -> None:
        failure.__cause__ = cause
        response.fail(failure)
        self._may_stay = False
        self.cut()

    def _end(self, response: Response, exc: Exception | None) -> None:
        if response.status and exc is None and _ends_with_connection(response.headers):
            response.is_complete = True
            response.wake()
            return
        failure = CutOff() if self.has_heard else NoAnswer("" if exc is None else words_of(exc))
        failure.__cause__ = exc
        response.fail(failure)


def _ends_with_connection(headers: Mapping[str, str]) -> bool:
    """Whether an answer has no other end than that of its connection."""
    coding = headers.get("transfer-encoding")
    if coding is not None:
        return coding.rpartition(",")[2].strip().lower() != "chunked"
    return "content-length" not in headers


def _unsent(transport: asyncio.Transport | None) -> int:
    return 0 if transport is None else transport.get_write_buffer_size()
