"""How the gateway speaks: whole answers, and errors in the caller's dialect."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from starlette.types import Receive, Scope, Send

from cluster_ai.core.asgi.leaving import ClientLeft
from cluster_ai.core.asgi.observe import ID_HEADER, Seen
from cluster_ai.core.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from cluster_ai.core.wire import JSON_TYPE, dump_json
from cluster_ai.gateway.dialects.paths import Dialect, dialect_of, error_fields
from cluster_ai.keys.types import LimitReached

__all__ = ["JSON_TYPE", "Asked", "ClientLeft", "Header", "raw", "raw_headers", "status_of"]

Header = tuple[bytes, bytes]

_STATUS: Final[dict[type[ClusterError], int]] = {
    InvalidInput: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Unsupported: 501,
    LimitReached: 429,
    Unavailable: 503,
}


def status_of(error: ClusterError) -> int:
    """What a client is told by number."""
    return next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)


class Asked:
    """One request as it stands on the wire. ``seen`` knows what its client has been told."""

    __slots__ = ("headers", "method", "path", "receive", "scope", "seen", "send")

    def __init__(self, scope: Scope, receive: Receive, send: Send, seen: Seen | None = None) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.seen = seen or Seen()
        self.path: str = scope["path"]
        self.method: str = scope["method"]
        self.headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))
        """By name in lower case; of one that comes twice the first counts."""

    def told_by(self, send: Send) -> "Asked":
        """The same request, whose answer goes another way."""
        return Asked(self.scope, self.receive, send, self.seen)

    def header(self, name: bytes) -> str:
        """The header's value; empty when it is not there."""
        return self.headers.get(name, b"").decode("latin-1")

    @property
    def request_id(self) -> str:
        return self.seen.request_id

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

    async def begin(self, status: int, headers: Iterable[Header]) -> None:
        """The head of an answer."""
        self.seen.status = status
        told = [*headers, (ID_HEADER, self.seen.request_id.encode("ascii"))]
        await self.send({"type": "http.response.start", "status": status, "headers": told})

    async def end(self, body: bytes = b"") -> None:
        """What is left of its body."""
        await self.send({"type": "http.response.body", "body": body})

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
        await self.begin(status, raw_headers(fields))
        await self.end(b"" if self.method == "HEAD" else body)

    async def say_json(self, value: Any, *, status: int = HTTPStatus.OK) -> None:
        await self.say(status, dump_json(value))

    async def refuse(
        self, error: ClusterError, *, status: int | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """An error in the shape that this path's clients know."""
        status = status or status_of(error)
        more = dict(headers or {})
        if isinstance(error, Unavailable):
            more["retry-after"] = str(max(1, round(error.retry_after)))
        if isinstance(error, Unauthenticated):
            more["www-authenticate"] = "Bearer"
        await self.say(status, dump_json(_said(dialect_of(self.path), status, error)), headers=more)


def _said(dialect: Dialect, status: int, error: ClusterError) -> dict[str, Any]:
    words = f"{error.message} ({error.hint})" if error.hint else error.message
    said = error_fields(dialect, status, words, code=error.code)
    if dialect is Dialect.OPENAI and isinstance(error, InvalidInput):
        said["error"]["param"] = error.path or None
    if error.values:
        said["values"] = dict(error.values)
    return said


def raw_headers(fields: Mapping[str, str]) -> list[Header]:
    """Headers as a server wants them."""
    return [(name.encode("latin-1"), raw(value)) for name, value in fields.items()]


def raw(value: str) -> bytes:
    """A header's value without what no server lets out: a node's own may hold it."""
    plain = value if value.isprintable() else "".join(filter(str.isprintable, value))
    return plain.encode("latin-1", "replace")
