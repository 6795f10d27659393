"""How the gateway speaks: whole answers, errors in the caller's dialect, and relayed streams."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

import structlog
from starlette.types import Receive, Scope, Send

from cluster_ai.core.errors import (
    ClusterError,
    Forbidden,
    InvalidInput,
    NotFound,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from cluster_ai.core.wire import JSON_TYPE, dump_json
from cluster_ai.gateway.dialects import Call, broken_stream, dialect_of, error_body
from cluster_ai.gateway.relay import Broken, Relay, Reply

log = structlog.get_logger(__name__)

TAKE_SECONDS: Final = 60.0
"""A client that takes nothing for so long has gone without saying so."""
_STATUS: Final[dict[type[ClusterError], int]] = {
    InvalidInput: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Unsupported: 501,
    Unavailable: 503,
}
_PASSED: Final = ("content-type", "content-encoding", "retry-after", "x-cluster-warning")


class ClientLeft(Exception):
    """Nobody listens any more."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it stands on the wire."""

    scope: Scope
    receive: Receive
    send: Send

    @property
    def path(self) -> str:
        return str(self.scope["path"])

    @property
    def method(self) -> str:
        return str(self.scope["method"])

    def header(self, name: bytes) -> str:
        """The header's value; empty when it is not there."""
        return next((value.decode("latin-1") for key, value in self.scope["headers"] if key == name), "")

    async def body(self) -> bytes:
        """The whole body; the listener has capped it.

        Raises:
            ClientLeft: the client left in the middle of it.
        """
        chunks = []
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                return b"".join(chunks)

    async def say(
        self, status: int, body: bytes, *, kind: str = JSON_TYPE, headers: Mapping[str, str] | None = None
    ) -> None:
        """A whole answer. To HEAD only its head goes out."""
        fields = {
            "content-type": kind,
            "content-length": str(len(body)),
            "cache-control": "no-store",
            **(headers or {}),
        }
        await self.send({"type": "http.response.start", "status": status, "headers": _raw(fields)})
        await self.send({"type": "http.response.body", "body": b"" if self.method == "HEAD" else body})

    async def say_json(self, value: Any, *, status: int = HTTPStatus.OK) -> None:
        await self.say(status, dump_json(value))

    async def refuse(
        self, error: ClusterError, *, status: int | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """An error in the shape that this path's clients know."""
        status = status or next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
        more = dict(headers or {})
        if isinstance(error, Unavailable):
            more["retry-after"] = str(max(1, round(error.retry_after)))
        if isinstance(error, Unauthenticated):
            more["www-authenticate"] = "Bearer"
        param = error.path or None if isinstance(error, InvalidInput) else None
        said = f"{error.message} ({error.hint})" if error.hint else error.message
        await self.say(
            status, error_body(dialect_of(self.path), status, said, code=error.code, param=param), headers=more
        )


async def pass_on(asked: Asked, call: Call, relay: Relay) -> None:
    """Passes a call on and its answer back; the client's leaving is raced from the first moment."""
    work = asyncio.ensure_future(_relay(asked, call, relay))
    leaving = asyncio.ensure_future(_gone(asked.receive))
    try:
        await asyncio.wait({work, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        if not work.done():
            work.cancel()
        await asyncio.gather(work, leaving, return_exceptions=True)
    if not work.cancelled() and (error := work.exception()):
        raise error


async def _relay(asked: Asked, call: Call, relay: Relay) -> None:
    begun, last = False, b""
    try:
        async with relay.send(call) as reply:
            await _start(asked, reply)
            begun = True
            async for chunk in reply.chunks:
                await _give(asked, chunk)
                last = chunk
    except (Broken, TimeoutError) as exc:
        reason = str(exc) or "the answer took longer than the gateway allows"
        log.warning("answer broke off", model=call.model, path=call.path.path, reason=reason)
        if not begun:
            raise Unavailable(reason) from exc
        if call.stream:
            await _give(asked, broken_stream(call.path.dialect, reason, after=last))
        # The answer is left without an end: the server then cuts the connection, and no client can take it for whole.
        return
    except ClientLeft:
        return
    await asked.send({"type": "http.response.body", "body": b""})


async def _start(asked: Asked, reply: Reply) -> None:
    fields = {name: reply.headers[name] for name in _PASSED if name in reply.headers}
    fields |= {
        "cache-control": "no-store",
        "x-accel-buffering": "no",
        "x-cluster-node": reply.upstream.name,
        "x-cluster-why": reply.why,
        "x-cluster-attempts": str(reply.attempts),
    }
    await asked.send({"type": "http.response.start", "status": reply.status, "headers": _raw(fields)})


async def _give(asked: Asked, chunk: bytes) -> None:
    """Hands a chunk to the server, which waits while the client's buffers are full."""
    try:
        async with asyncio.timeout(TAKE_SECONDS):
            await asked.send({"type": "http.response.body", "body": chunk, "more_body": True})
    except TimeoutError as exc:
        raise ClientLeft from exc


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _raw(fields: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    # A node's header may hold what no server lets out.
    clean = ((name, "".join(filter(str.isprintable, value))) for name, value in fields.items())
    return [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in clean]
