"""A pure ASGI layer that gives each request an id, counts it, and logs what went wrong."""

import re
import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster_ai.core.ids import new_id
from cluster_ai.core.metrics import HttpMetrics

log = structlog.get_logger(__name__)

_SERVER_ERROR = 500
_UNAVAILABLE = 503
_CLIENT_LEFT = 499
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class Observed:
    """Answers carry ``X-Request-Id``: the caller's own when it is a plain one, else a new one."""

    def __init__(self, app: ASGIApp, *, metrics: HttpMetrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        status = _CLIENT_LEFT
        began = time.monotonic()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if not any(name == b"x-request-id" for name, _ in message["headers"]):
                    message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode("ascii"))]
            await send(message)

        self.metrics.began()
        try:
            with structlog.contextvars.bound_contextvars(request_id=request_id):
                await self.app(scope, receive, noted)
        finally:
            self._ended(scope, status=status, seconds=time.monotonic() - began)

    def _ended(self, scope: Scope, *, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "unmatched"
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self.metrics.ended(method=method, route=route, status=status, seconds=seconds)
        # 503 is an answer that somebody meant to give: its cause is logged where it is known.
        if status >= _SERVER_ERROR and status != _UNAVAILABLE:
            log.warning("request failed", method=method, route=route, status=status, seconds=round(seconds, 3))


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ID.fullmatch(value):
            return str(value.decode("ascii"))
    return new_id()
