"""Writes down what happens, beside the work of whoever tells it, and reads it again."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from cluster_ai.core.db import Database, DatabaseUnavailable
from cluster_ai.core.loops import stored
from cluster_ai.core.wire import INT64_MAX
from cluster_ai.eventlog import tables
from cluster_ai.eventlog.types import ClusterEvent, EventFilter, KeptEvent

log = structlog.get_logger(__name__)
STORE_SECONDS: Final = 1.0
PRUNE_SECONDS: Final = 3600.0
KEEP_SECONDS: Final = 90 * 86_400.0
KEEP_ROWS: Final = 100_000
WAITING: Final = 10_000
"""So many wait in memory while the database is away; then the oldest are lost, and the log says so."""
EVERYTHING: Final = EventFilter()


class EventLog:
    """One for a process. ``now`` answers Unix seconds."""

    def __init__(self, database: Database, *, now: Callable[[], float]) -> None:
        self._database = database
        self._now = now
        self._waiting: deque[ClusterEvent] = deque(maxlen=WAITING)
        self._lost = 0
        self._pruned_at = now()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Writes each second inside the block what was told, and the rest at its end."""
        async with stored(STORE_SECONDS, self.store):
            yield

    def keep(self, happened: Iterable[ClusterEvent]) -> None:
        """Never waits and never fails."""
        for one in happened:
            self._lost += len(self._waiting) == WAITING
            self._waiting.append(one)

    async def store(self) -> None:
        """Writes what waits, all or nothing; without a database it waits on."""
        found = list(self._waiting)
        try:
            if found:
                async with self._database.transaction() as connection:
                    await tables.add(connection, found)
                self._forget(found)
            await self._prune()
        except DatabaseUnavailable as exc:
            log.warning("events wait for the database", count=len(self._waiting), lost=self._lost, reason=exc.message)

    def _forget(self, found: list[ClusterEvent]) -> None:
        for one in found:
            # More may have come than there is room for while these were written.
            if self._waiting and self._waiting[0] is one:
                self._waiting.popleft()
        if self._lost:
            log.error("events were lost", count=self._lost)
            self._lost = 0

    async def _prune(self) -> None:
        now = self._now()
        if abs(now - self._pruned_at) < PRUNE_SECONDS:
            return
        self._pruned_at = now
        async with self._database.transaction() as connection:
            await tables.prune(connection, older_than=now - KEEP_SECONDS, most=KEEP_ROWS)

    async def page(
        self, wanted: EventFilter = EVERYTHING, *, before: int = INT64_MAX, limit: int = 100
    ) -> tuple[KeptEvent, ...]:
        """The newest that meet ``wanted``, newest first.

        Raises:
            DatabaseUnavailable: it cannot be read now.
        """
        async with self._database.read() as connection:
            return await tables.page(connection, wanted, before=before, limit=limit)
