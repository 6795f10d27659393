"""One HTTP exchange: body read, work done while the client stays, answer written, failure told in its dialect."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import structlog
from starlette.types import Message, Receive, Scope, Send

from cluster_ai.core.asgi.raw import ClientLeft, whole_body
from cluster_ai.core.errors import ClusterError, Conflict, InvalidInput, NotFound, Unavailable, Unsupported
from cluster_ai.core.wire import JSON_TYPE, dump_json, parse_object

log = structlog.get_logger(__name__)

NDJSON: Final = "application/x-ndjson"
SSE: Final = "text/event-stream"
WARNING: Final = b"x-cluster-warning"
_SMALL: Final = 256 * 1024

_STATUS: Final[tuple[tuple[type[ClusterError], HTTPStatus], ...]] = (
    (InvalidInput, HTTPStatus.BAD_REQUEST),
    (NotFound, HTTPStatus.NOT_FOUND),
    (Conflict, HTTPStatus.BAD_REQUEST),
    (Unsupported, HTTPStatus.NOT_IMPLEMENTED),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one family of clients hears of a failure and reads a stream."""

    stream_type: str
    fault: Callable[[int, ClusterError], dict[str, Any]]
    frame: Callable[[bytes], bytes]
    last: bytes = b""
    """What ends a stream that went well."""


@dataclass(slots=True)
class Reply:
    """The answer being written. Warnings gathered before its head go into a header."""

    send: Send
    dialect: Dialect
    warnings: list[str] = field(default_factory=list)
    started: bool = False

    def warn(self, messages: Iterable[str]) -> None:
        self.warnings.extend(messages)

    async def json(self, value: Any, *, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        raw = dump_json(value)
        await self._head(status, JSON_TYPE, [(b"content-length", str(len(raw)).encode()), *headers])
        await self.send({"type": "http.response.body", "body": raw})

    async def stream(self, values: AsyncIterator[dict[str, Any]]) -> None:
        """Each value as one frame, as it comes."""
        await self._head(200, self.dialect.stream_type, [])
        async for value in values:
            await self._frame(value)
        await self.send({"type": "http.response.body", "body": self.dialect.last})

    async def fail(self, exc: ClusterError) -> None:
        """Tells of a failure: with its status, or inside the stream, which then ends torn so that nobody takes it
        for complete (Open WebUI reads over an error line, not over a broken connection).
        """
        status = status_of(exc)
        said = self.dialect.fault(status, exc)
        if self.started:
            log.warning("stream torn", code=exc.code, reason=exc.message)
            await self._frame(said)
            return
        headers = []
        if isinstance(exc, Unavailable):
            headers.append((b"retry-after", str(max(1, round(exc.retry_after))).encode()))
        await self.json(said, status=status, headers=headers)

    async def _head(self, status: int, content_type: str, headers: list[tuple[bytes, bytes]]) -> None:
        named = [(b"content-type", content_type.encode()), *headers]
        if self.warnings:
            named.append((WARNING, "; ".join(self.warnings).encode("ascii", "replace")))
        self.started = True
        await self.send({"type": "http.response.start", "status": status, "headers": named})

    async def _frame(self, value: dict[str, Any]) -> None:
        frame = self.dialect.frame(dump_json(value))
        await self.send({"type": "http.response.body", "body": frame, "more_body": True})


Work = Callable[[dict[str, Any], Reply], Awaitable[None]]
"""Takes the parsed body and writes the reply."""


class Posted:
    """An endpoint that takes a JSON object. The content type is not looked at: ``curl -d`` sends a form's."""

    def __init__(self, work: Work, dialect: Dialect) -> None:
        self._work = work
        self._dialect = dialect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        reply = Reply(send, self._dialect)
        try:
            body = await whole_body(receive)
            await while_connected(receive, self._answer(body, reply))
        except ClientLeft:
            log.info("client left")

    async def _answer(self, body: bytes, reply: Reply) -> None:
        try:
            # A large body takes seconds to read: not on the loop that everybody else waits for.
            in_thread = len(body) > _SMALL
            await self._work(await asyncio.to_thread(parse_object, body) if in_thread else parse_object(body), reply)
        except ClusterError as exc:
            await reply.fail(exc)
        except Exception:  # a mistake of ours is told in the caller's dialect, too; the log has the story
            log.exception("request failed")
            await reply.fail(ClusterError("the node made a mistake; its log has the story"))


async def while_connected(receive: Receive, work: Coroutine[Any, Any, None]) -> None:
    """Does ``work``; when the client leaves first, cancels it and waits until it has let go of everything.

    Raises:
        ClientLeft: the client left first.
    """
    doing = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise ClientLeft
        await doing
    finally:
        for task in (doing, leaving):
            task.cancel()
        await asyncio.wait({doing, leaving})


async def _left(receive: Receive) -> None:
    message: Message = {"type": ""}
    while message["type"] != "http.disconnect":
        message = await receive()


def status_of(exc: ClusterError) -> int:
    return next((status for kind, status in _STATUS if isinstance(exc, kind)), HTTPStatus.INTERNAL_SERVER_ERROR).value


def _ollama_fault(_: int, exc: ClusterError) -> dict[str, Any]:
    return {"error": exc.message}


def _openai_fault(status: int, exc: ClusterError) -> dict[str, Any]:
    kind = "invalid_request_error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "api_error"
    param = getattr(exc, "path", "") or None
    return {"error": {"message": exc.message, "type": kind, "param": param, "code": exc.code}}


OLLAMA: Final = Dialect(NDJSON, _ollama_fault, lambda raw: raw + b"\n")
OPENAI: Final = Dialect(SSE, _openai_fault, lambda raw: b"data: " + raw + b"\n\n", last=b"data: [DONE]\n\n")
