"""One request of the agent's API and its answer, as raw ASGI."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeVar
from urllib.parse import parse_qs

from pydantic import BaseModel, ValidationError

from cluster_ai.core.asgi.leaving import hang_up
from cluster_ai.core.asgi.raw import whole_body
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
from cluster_ai.core.wire import JSON_TYPE, dump_json, parse_json
from cluster_ai.pki.types import CertificateRefused, Identity

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
M = TypeVar("M", bound=BaseModel)

PEER: Final = b"x-cluster-peer"
"""Written by the machine's door alone, which drops what its callers say themselves."""
LARGEST_BODY: Final = 256 * 1024
LINES_TYPE: Final = "application/x-ndjson"
_STATUS: Final[dict[type[ClusterError], int]] = {
    InvalidInput: 400,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Unsupported: 501,
    Unavailable: 503,
}


def peer_of(scope: Scope) -> Identity | None:
    """Who asks, by the certificate that was shown at the machine's door; None for this user on the machine itself.

    Raises:
        Unauthenticated: what the door says names nobody.
    """
    told = [value for name, value in scope["headers"] if name == PEER]
    if not told:
        return None
    try:
        (uri,) = told
        return Identity.from_uri(uri.decode("ascii"))
    except (ValueError, CertificateRefused) as exc:
        raise Unauthenticated("the machine's door says of this caller what names nobody") from exc


class Asked:
    """What it answers goes out at once; an error after its head can only be told in its own lines."""

    __slots__ = ("_has_lines", "_receive", "_send", "has_begun", "method", "path", "scope")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.has_begun = self._has_lines = False
        self._receive = receive
        self._send = send

    @property
    def peer(self) -> Identity | None:
        """As ``peer_of``."""
        return peer_of(self.scope)

    def query(self, name: str, otherwise: str = "") -> str:
        """The last of that name.

        Raises:
            InvalidInput: there are too many.
        """
        text: str = self.scope.get("query_string", b"").decode("latin-1")
        try:
            found = parse_qs(text, max_num_fields=16, errors="replace")
        except ValueError as exc:
            raise InvalidInput("the address says too much behind its question mark") from exc
        return found.get(name, [otherwise])[-1]

    async def body(self, kind: type[M]) -> M:
        """The whole body.

        Raises:
            InvalidInput: it is too long, no JSON, or says something that it must not.
            ClientLeft: it did not come to its end.
        """
        text = await whole_body(self._receive, most=LARGEST_BODY)
        parse_json(text)
        try:
            return kind.model_validate_json(text)
        except ValidationError as exc:
            first = exc.errors()[0]
            path = ".".join(str(part) for part in first["loc"])
            raise InvalidInput(f"{path or 'the body'}: {first['msg']}", path=path) from exc

    async def say(self, value: Any, *, status: int = 200) -> None:
        """A whole answer in JSON."""
        body = dump_json(value)
        await self._begin(status, JSON_TYPE, [(b"content-length", str(len(body)).encode())])
        await self._send({"type": "http.response.body", "body": b"" if self.method == "HEAD" else body})

    async def begin_lines(self) -> None:
        """The head of an answer whose lines follow."""
        self._has_lines = True
        await self._begin(200, LINES_TYPE, [])

    async def line(self, record: Any) -> None:
        """One of them; waits while the caller does not read."""
        await self._send({"type": "http.response.body", "body": dump_json(record) + b"\n", "more_body": True})

    async def end_lines(self) -> None:
        await self._send({"type": "http.response.body", "body": b""})

    async def hand_over(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        """``app`` answers."""

        async def send(message: Message) -> None:
            self.has_begun = True
            await self._send(message)

        await app(self.scope, self._receive, send)

    async def refuse(self, error: ClusterError) -> None:
        """An error, in the shape that it has at the machine's door."""
        status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
        said: dict[str, Any] = {"error": error.message, "code": error.code, "hint": error.hint}
        if error.values:
            said["values"] = dict(error.values)
        if not self.has_begun:
            await self.say(said, status=status)
        elif self._has_lines:
            await self.line(said)
            await self.end_lines()
        else:
            # Half an answer must not look like a whole one.
            hang_up(self.scope)

    async def _begin(self, status: int, kind: str, headers: list[tuple[bytes, bytes]]) -> None:
        self.has_begun = True
        told = [(b"content-type", kind.encode()), (b"cache-control", b"no-store"), *headers]
        await self._send({"type": "http.response.start", "status": status, "headers": told})
