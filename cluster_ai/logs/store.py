"""The log store: lines in one SQLite file with an index of their words. Every public method is one unit of work."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from cluster_ai.core.db import Database, OnFatal, open_database, sqlite_url
from cluster_ai.logs import tables
from cluster_ai.logs.files import FileId, Place
from cluster_ai.logs.query import EVERYTHING, Query
from cluster_ai.logs.types import Entry, Kept, LogLine, MinuteCount

DROPPED_AT_A_TIME: Final = 1000
"""Lines removed in one transaction: others are stored between two of them."""
PAGES_AT_A_TIME: Final = 500
"""Returned to the disk after each removal; the others are written to again."""


class LogStore:
    """Every method may raise ``DatabaseUnavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, entries: Sequence[Entry], places: Iterable[Place]) -> None:
        """Lines, and how far their files were read: both or neither, so that none is lost and none comes twice."""
        async with self._database.transaction() as connection:
            await tables.add(connection, entries)
            await tables.put_places(connection, places)

    async def places(self) -> dict[FileId, Place]:
        """How far each file was read."""
        async with self._database.read() as connection:
            return await tables.places(connection)

    async def forget(self, gone: Iterable[Place]) -> None:
        """Files that are not there any more; what was not read of them is lost, and counted."""
        gone = tuple(gone)
        async with self._database.transaction() as connection:
            await tables.forget_places(connection, (place.id for place in gone))
            await tables.add_lost(connection, sum(place.behind for place in gone))

    async def before(self, query: Query, *, number: int, limit: int) -> tuple[LogLine, ...]:
        """At most ``limit`` lines older than ``number``, the newest first."""
        async with self._database.read() as connection:
            return await tables.page(connection, query, before=number, limit=limit)

    async def after(self, number: int, *, limit: int, query: Query = EVERYTHING) -> tuple[LogLine, ...]:
        """At most ``limit`` lines newer than ``number``, the oldest first."""
        async with self._database.read() as connection:
            return await tables.page(connection, query, after=number, limit=limit)

    async def newest(self) -> int:
        """The number of the last line; 0 before the first."""
        async with self._database.read() as connection:
            return await tables.last_id(connection)

    async def counts(self, query: Query, *, first: int, step: int) -> tuple[MinuteCount, ...]:
        """Lines per ``step`` seconds from ``first`` (Unix seconds) on."""
        async with self._database.read() as connection:
            return await tables.counts(connection, query, first=first, step=step)

    async def kept(self) -> Kept:
        """What is held; ``behind_bytes`` is for whoever looks at the files."""
        async with self._database.read() as connection:
            count, oldest = await tables.held(connection)
            facts = await tables.facts(connection)
            return Kept(lines=count, bytes=await tables.size(connection), oldest=oldest, lost_bytes=int(facts["lost"]))

    async def name(self) -> str:
        """What tells this store from every other."""
        async with self._database.read() as connection:
            return (await tables.facts(connection))["store"]

    async def prune(self, *, before: float, most_bytes: int) -> int:
        """Removes lines written ``before`` (Unix seconds), then the oldest beyond ``most_bytes``; how many it were."""
        total = 0
        while dropped := await self._drop(before=int(before * 1e6)):
            total += dropped
        while await self._size() > most_bytes and (dropped := await self._drop(before=None)):
            total += dropped
        if total:
            async with self._database.transaction() as connection:
                await tables.give_back(connection, PAGES_AT_A_TIME)
        return total

    async def _drop(self, *, before: int | None) -> int:
        async with self._database.transaction() as connection:
            return await tables.drop(connection, before=before, most=DROPPED_AT_A_TIME)

    async def _size(self) -> int:
        async with self._database.read() as connection:
            return await tables.size(connection)

    async def sent(self, sink: str) -> int | None:
        """The last line that ``sink`` has taken; None before its first."""
        async with self._database.read() as connection:
            return await tables.sent(connection, sink)

    async def mark_sent(self, sink: str, number: int) -> None:
        async with self._database.transaction() as connection:
            await tables.mark_sent(connection, sink, number)


@asynccontextmanager
async def open_store(path: Path, *, on_fatal: OnFatal) -> AsyncIterator[LogStore]:
    """The store in the file ``path``, made when it is not there.

    Raises:
        DatabaseUnavailable: it cannot be used.
    """
    await asyncio.to_thread(tables.create, path)
    # A power cut may take the last second of the store, never its order: the files are read again from there.
    async with open_database(sqlite_url(path), on_fatal=on_fatal, synchronous="NORMAL") as database:
        yield LogStore(database)


def behind(places: Mapping[FileId, Place]) -> int:
    """Bytes that were written and are not collected yet."""
    return sum(place.behind for place in places.values())
