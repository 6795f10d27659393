"""An application serves as long as what it holds lives, and not a moment longer."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger(__name__)
_COMPLETE: Final = "lifespan.startup.complete"


class Living:
    """Ends the server when the application's life ends by a mistake.

    uvicorn would serve on, and every request would be answered by an application whose loops are gone. A process that
    ends is started again.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._end: Callable[[], None] = _nothing
        self._cause: Exception | None = None

    def at_its_end(self, end: Callable[[], None]) -> None:
        """``end`` is called when that happens."""
        self._end = end

    def demand_none(self) -> None:
        """Raises what ended the application's life before its time, if anything did."""
        if self._cause is not None:
            raise self._cause

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "lifespan":
            return self._app(scope, receive, send)
        return self._live(scope, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def told(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == _COMPLETE
            await send(message)

        try:
            await self._app(scope, receive, told)
        except Exception as exc:
            # A start that fails is uvicorn's to tell.
            if started:
                self._cause = exc
                self._end()
                log.critical("what serves has ended by a mistake; the process goes with it", reason=repr(exc))
            raise


def _nothing() -> None:
    pass
