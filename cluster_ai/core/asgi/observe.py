"""What every HTTP listener does for each request: gives it an id, counts it, and logs what went wrong."""

import re
import time
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster_ai.core.asgi.middleware import BodyTooLarge
from cluster_ai.core.ids import Ids
from cluster_ai.core.metrics import HttpMetrics

log = structlog.get_logger(__name__)

ID_HEADER: Final = b"x-request-id"
_SERVER_ERROR: Final = 500
_UNAVAILABLE: Final = 503
_CLIENT_LEFT: Final = 499
_TOO_LARGE: Final = 413
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")


@dataclass(slots=True)
class Seen:
    """One request. ``status`` is what its client was told; that of a client who left, as long as it was told nothing.

    ``request_id`` is the client's own when it is a plain one, else a new one.
    """

    request_id: str = ""
    status: int = _CLIENT_LEFT


class Requests:
    """All those of one application."""

    def __init__(self, metrics: HttpMetrics) -> None:
        self.metrics = metrics
        self._new_id = Ids()
        self._logged = _variable()

    def observed(self, scope: Scope) -> "Observation":
        """For a ``with``: counts the request; every line that is logged in the block tells its id."""
        return Observation(scope, self.metrics, self._logged, self._id_of(scope))

    def _id_of(self, scope: Scope) -> str:
        for name, value in scope["headers"]:
            if name == ID_HEADER and _ID.fullmatch(value):
                return str(value.decode("ascii"))
        return self._new_id()


class Observation:
    """Of one request, from its head to the end of its answer."""

    __slots__ = ("_began", "_logged", "_metrics", "_scope", "_seen", "_token")

    def __init__(self, scope: Scope, metrics: HttpMetrics, logged: ContextVar[str], request_id: str) -> None:
        self._scope = scope
        self._metrics = metrics
        self._logged = logged
        self._seen = Seen(request_id)
        self._token: Token[str]
        self._began = 0.0

    def __enter__(self) -> Seen:
        self._began = time.monotonic()
        self._metrics.began()
        self._token = self._logged.set(self._seen.request_id)
        return self._seen

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> None:
        scope, status, seconds = self._scope, self._seen.status, time.monotonic() - self._began
        if status == _CLIENT_LEFT and isinstance(error, Exception):
            # Its client is there, and will be told by whoever stands around the application.
            status = _TOO_LARGE if isinstance(error, BodyTooLarge) else _SERVER_ERROR
        route = getattr(scope.get("route"), "path", None) or "unmatched"
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.ended(method=method, route=route, status=status, seconds=seconds)
        # 503 is an answer that somebody meant to give: its cause is logged where it is known.
        if status >= _SERVER_ERROR and status != _UNAVAILABLE:
            log.warning("request failed", method=method, route=route, status=status, seconds=round(seconds, 3))
        self._logged.reset(self._token)


class Observed:
    """An ASGI layer that observes requests of an application that does not do so itself.

    Answers carry ``X-Request-Id``.
    """

    def __init__(self, app: ASGIApp, *, metrics: HttpMetrics) -> None:
        self.app = app
        self._requests = Requests(metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        with self._requests.observed(scope) as seen:
            scope.setdefault("state", {})["request_id"] = seen.request_id

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    seen.status = message["status"]
                    if not any(name == ID_HEADER for name, _ in message["headers"]):
                        message["headers"] = [*message["headers"], (ID_HEADER, seen.request_id.encode("ascii"))]
                await send(message)

            await self.app(scope, receive, noted)


def _variable() -> ContextVar[str]:
    """Where structlog keeps ``request_id``: to look it up by name would cost each request more than to set it."""
    tokens = structlog.contextvars.bind_contextvars(request_id="")
    structlog.contextvars.reset_contextvars(**tokens)
    return tokens["request_id"].var
