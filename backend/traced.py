"""Requests of the API as spans, in the caller's trace; put around the application only where spans are wanted."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster_ai.core.trace_context import read_context
from cluster_ai.core.tracing import OFF, Live, Tracing, here

__all__ = ["OFF", "Traced", "Tracing", "trace_of"]

_HEADER: Final = b"traceparent"
_SERVER_ERROR: Final = 500
_UNTOLD: Final = frozenset({"/health", "/ready", "/metrics"})
"""Asked every second by whoever watches, and of no interest one by one."""


class Traced:
    """An ASGI layer: ``METHOD /route`` with its status; what is asked of others inside hangs below it."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self.app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _UNTOLD:
            await self.app(scope, receive, send)
            return
        with self._tracing.span(scope["method"], parent=_told(scope), kind="server") as live:

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _note(live, message["status"])
                await send(message)

            live.attributes["http.request.method"] = scope["method"]
            try:
                await self.app(scope, receive, noted)
            finally:
                _name(live, scope)


def trace_of(scope: Scope) -> str:
    """The ``traceparent`` for those whom this request makes us ask: our own span's, else what the caller sent."""
    return here() or _told(scope)


def _told(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == _HEADER:
            told: str = value.decode("latin-1")
            return told if read_context(told) else ""
    return ""


def _note(live: Live, status: int) -> None:
    live.attributes["http.response.status_code"] = status
    if status >= _SERVER_ERROR:
        live.error = f"HTTP {status}"


def _name(live: Live, scope: Scope) -> None:
    # Known when the router has looked; a path of nobody's would make names without end.
    route = getattr(scope.get("route"), "path", None) or "unmatched"
    live.name = f"{scope['method']} {route}"
    live.attributes["http.route"] = route
    if request_id := scope.get("state", {}).get("request_id"):
        live.attributes["cluster_ai.request_id"] = request_id
