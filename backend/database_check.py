"""Whether the database can store something, tried by storing something, and not more often than needed."""

import asyncio
from collections.abc import Callable

from cluster_ai.core.db import Database, DatabaseUnavailable
from cluster_ai.views import CheckView

NAME = "database"
TRY_SECONDS = 2.0


class DatabaseCheck:
    """Remembers the last verdict: ``/ready`` is open to everybody and must not let everybody write."""

    def __init__(self, database: Database, *, now: Callable[[], float], clock: Callable[[], float]) -> None:
        self._database = database
        self._now = now
        self._clock = clock
        self._busy = asyncio.Lock()
        self._seen: tuple[float, CheckView] | None = None

    async def look(self, *, within: float) -> CheckView:
        """A verdict that is at most ``within`` seconds old. Those who come together share one try."""
        async with self._busy:
            if self._seen is None or self._clock() - self._seen[0] > within:
                self._seen = (self._clock(), await self._try())
            return self._seen[1]

    async def _try(self) -> CheckView:
        try:
            async with asyncio.timeout(TRY_SECONDS):
                await self._database.probe(self._now())
        except DatabaseUnavailable as exc:
            return CheckView(name=NAME, ok=False, detail=f"cannot write: {exc.message}", hint=exc.hint)
        except TimeoutError:
            detail = f"cannot write: no answer within {TRY_SECONDS:.0f} s"
            return CheckView(name=NAME, ok=False, detail=detail, hint="is the disk overloaded, or a network share?")
        return CheckView(name=NAME, ok=True)
