"""What a proxy or a load balancer asks before it sends anybody here."""

import asyncio
from collections.abc import Awaitable
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from cluster_ai.core.wire import JSON_TYPE, dump_json

PATH: Final = "/-/ready"
HEALTH: Final = "/health"
_OK: Final = 200
_UNAVAILABLE: Final = 503


class Readiness:
    """Answers ``GET /-/ready``: 200 while this process serves, 503 once it drains. Needs no key and tells nothing else.

    ``/health`` is the application's own, until ``leaving`` is set; it then says 503, too. From that moment every answer
    of ours closes its connection: whoever asks finds the next process on a new one.
    """

    def __init__(self, app: ASGIApp, leaving: asyncio.Event) -> None:
        self.app = app
        self.leaving = leaving

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        drains = self.leaving.is_set()
        asked = scope["path"] if scope["type"] == "http" and scope["method"] in {"GET", "HEAD"} else ""
        if asked != PATH and not (drains and asked == HEALTH):
            return self.app(scope, receive, send)
        return _told(scope, send, drains=drains)


async def _told(scope: Scope, send: Send, *, drains: bool) -> None:
    body = dump_json({"status": "draining" if drains else "ready"})
    headers = [
        (b"content-type", JSON_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *([(b"connection", b"close")] if drains else []),
    ]
    status = _UNAVAILABLE if drains else _OK
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
