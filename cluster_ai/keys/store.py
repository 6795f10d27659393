"""Keys and their use where they lie, as gateways read and write them. Whoever imports this carries SQL."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from cluster_ai.core.db import Database, OnFatal, driver_url, open_database
from cluster_ai.keys import tables
from cluster_ai.keys.records import Key, Used

Marker = tuple[int, int]


class KeyStore:
    """Every method may raise ``DatabaseUnavailable``. ``file`` is the database's own, where it is one."""

    def __init__(self, database: Database, *, file: Path | None = None) -> None:
        self._database = database
        self._file = file
        self._marker: Marker | None = None

    async def changed(self) -> tuple[tuple[str, Key], ...] | None:
        """Digest and key of each in force; None when nothing changed since the last time, or nothing is there yet."""
        if not self._is_made():
            return None
        async with self._database.read() as connection:
            marker = await tables.marker(connection)
            if marker == self._marker:
                return None
            found = await tables.keys_in_force(connection)
        self._marker = marker
        return found

    async def add_usage(self, rows: Iterable[Used], *, last_used: Mapping[str, float]) -> None:
        """Adds to what is stored, in one unit of work."""
        async with self._database.transaction() as connection:
            await tables.add_usage(connection, rows)
            if last_used:
                await tables.note_use(connection, last_used)

    def _is_made(self) -> bool:
        # Opening a SQLite file makes it, and that is for those to do who make its tables.
        return self._file is None or (self._file.exists() and self._file.stat().st_size > 0)


@asynccontextmanager
async def open_store(url: str, *, on_fatal: OnFatal) -> AsyncIterator[KeyStore]:
    """The store at ``url``; nothing is asked of it before it is used.

    Raises:
        Misconfigured: ``url`` is no address of a database.
    """
    address = driver_url(url)
    file = Path(address.database) if address.get_backend_name() == "sqlite" and address.database else None
    async with open_database(url, on_fatal=on_fatal) as database:
        yield KeyStore(database, file=file)
