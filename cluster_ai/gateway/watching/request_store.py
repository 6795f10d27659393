"""The request log where it lies: written by gateways, read by the API."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from cluster_ai.core.db import Database, OnFatal, open_database
from cluster_ai.core.errors import NotFound
from cluster_ai.gateway import tables
from cluster_ai.gateway.watching.logged import RequestPage, RequestView, Retention, Wanted

DROPPED_AT_A_TIME: Final = 2000
"""Rows removed in one transaction: others write between two of them."""


class RequestStore:
    """Every method may raise ``DatabaseUnavailable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, rows: Sequence[dict[str, object]]) -> None:
        """All of them or none."""
        async with self._database.transaction() as connection:
            await tables.add(connection, rows)

    async def probe(self) -> None:
        """Looks whether the table is there."""
        async with self._database.read() as connection:
            await tables.page(connection, Wanted(limit=1))

    async def page(self, wanted: Wanted) -> RequestPage:
        async with self._database.read() as connection:
            items = await tables.page(connection, wanted)
        return RequestPage(items=items, next=items[-1].number if len(items) == wanted.limit else None)

    async def find(self, request_id: str) -> RequestView:
        """The newest call with that id.

        Raises:
            NotFound: there is none, or not any more.
        """
        async with self._database.read() as connection:
            found = await tables.find(connection, request_id)
        if found is None:
            raise NotFound("the request log has no such request", hint="cluster-ai gateway log")
        return found

    async def newest(self) -> int:
        """The number of the last call; 0 when there is none."""
        async with self._database.read() as connection:
            return await tables.newest(connection)

    async def after(self, number: int, *, upto: int, limit: int) -> Sequence[dict[str, Any]]:
        """How calls ended, with a number in (``number``, ``upto``], the oldest first."""
        async with self._database.read() as connection:
            return await tables.after(connection, number, upto=upto, limit=limit)

    async def drop_old(self, kept: Retention, *, now: float) -> int:
        """Removes what is too old or too much; how many rows it were."""
        total = 0
        while True:
            async with self._database.transaction() as connection:
                dropped = await tables.drop_old(
                    connection, before=now - kept.seconds, keep=kept.rows, most=DROPPED_AT_A_TIME
                )
            total += dropped
            if dropped < DROPPED_AT_A_TIME:
                return total


@asynccontextmanager
async def open_store(url: str, *, on_fatal: OnFatal) -> AsyncIterator[RequestStore]:
    """The store of a process that has no database open otherwise. Its tables must be there."""
    async with open_database(url, on_fatal=on_fatal) as database:
        yield RequestStore(database)
