"""Pure ASGI layers that every listener wears, outermost first: ``HostAllowList``, ``BodyCap``.

A layer with nothing to say hands over the application's own awaitable: a coroutine around it would be paid for with
every piece of every answer.
"""

from collections.abc import Awaitable, Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster_ai.core.wire import JSON_TYPE, dump_json

_DIGITS: Final = 19
"""Of the largest length that a parser takes; with more, some of them are zeros that count for nothing."""
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})


class HostAllowList:
    """Answers 421 to a Host header that names somebody else: the defence against DNS rebinding.

    Checked on every bind, also off loopback, where Ollama's own check stops.
    """

    def __init__(self, app: ASGIApp, *, allowed: Iterable[str]) -> None:
        self.app = app
        self.allowed = LOOPBACK_NAMES | {name.lower() for name in allowed}

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] not in {"http", "websocket"} or self._is_ours(scope):
            return self.app(scope, receive, send)
        message = "this server does not answer to that Host; add it to allowed_hosts in config.toml"
        body = refusal(HTTPStatus.MISDIRECTED_REQUEST, "wrong_host", message)
        return refuse(scope, send, HTTPStatus.MISDIRECTED_REQUEST, body)

    def _is_ours(self, scope: Scope) -> bool:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1:
            return False
        return host_name(hosts[0].decode("latin-1")) in self.allowed


class BodyCap:
    """Answers 413 once a body is larger than ``limit`` bytes, without reading the rest.

    ``streamed``: beginnings of paths whose bodies nobody keeps; what they may be is for their receiver to say.
    """

    def __init__(self, app: ASGIApp, *, limit: int, streamed: tuple[str, ...] = ()) -> None:
        self.app = app
        self.limit = limit
        self.streamed = streamed

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http" or scope["path"].startswith(self.streamed):
            return self.app(scope, receive, send)
        length = _declared_length(scope)
        if length is None:
            return self._counted(scope, receive, send)
        # The server lets no more through than was declared.
        return self._too_large(scope, send) if length > self.limit else self.app(scope, receive, send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > self.limit:
                    raise BodyTooLarge
            return message

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, counted, noted)
        except BodyTooLarge:
            if started:
                raise
            await self._too_large(scope, send)

    async def _too_large(self, scope: Scope, send: Send) -> None:
        body = refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body_too_large", f"the body is larger than {self.limit} bytes"
        )
        await refuse(scope, send, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, body)


class BodyTooLarge(Exception):
    """Raised out of ``receive``; an application must let it pass."""


@lru_cache(maxsize=256)
def host_name(host: str) -> str:
    """The name in a Host header, without its port, lower case."""
    host = host.strip().lower()
    name, colon, port = host.rpartition(":")
    if colon and (port.isdecimal() or not port) and (":" not in name or name.endswith("]")):
        host = name
    return host.rstrip(".")


def refusal(status: HTTPStatus, code: str, message: str) -> dict[str, Any]:
    """What a listener says before any application is asked: RFC 9457's fields, and ``error`` for Ollama's clients."""
    said = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": message}
    return said | {"code": code, "hint": "", "error": message}


async def refuse(scope: Scope, send: Send, status: HTTPStatus, body: dict[str, Any]) -> None:
    """A JSON answer that closes the connection; for a WebSocket, a refusal of the handshake."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": body.get("code", "")})
        return
    raw = dump_json(body)
    headers = [
        (b"content-type", JSON_TYPE.encode()),
        (b"content-length", str(len(raw)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": raw})


def _declared_length(scope: Scope) -> int | None:
    """Bytes of the body; None when nobody said so plainly that they need not be counted."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) <= _DIGITS else None
        if name == b"transfer-encoding":
            return None
    return 0
