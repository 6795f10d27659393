"""The database: one door for both kinds, and what an acknowledgement means.

``async with database.transaction() as connection`` returns only after its changes are durable. On SQLite (WAL,
``synchronous=FULL``) units of work that arrive together share one commit, each in a savepoint of its own: a unit that
fails undoes itself alone, and every fsync is paid once for all of them. On PostgreSQL each unit is its own transaction
(the server groups commits by itself).
"""

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, event, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from cluster_ai.core.db_errors import (
    DatabaseBroken,
    DatabaseFull,
    DatabaseReadOnly,
    DatabaseUnavailable,
    Duplicate,
)
from cluster_ai.core.errors import ClusterError, Misconfigured
from cluster_ai.core.leadership import Guard, unguarded
from cluster_ai.core.sqlite_connections import SqliteConnections
from cluster_ai.core.writer import GroupedWriter

__all__ = [
    "Database",
    "DatabaseBroken",
    "DatabaseFull",
    "DatabaseReadOnly",
    "DatabaseUnavailable",
    "Duplicate",
    "OnFatal",
    "driver_url",
    "open_database",
    "sqlite_url",
    "translate",
    "translated",
]
BUSY_MILLISECONDS = 5_000
READERS = 4
UNIT_SECONDS = 15.0
"""Longest life of one unit of work; a unit that waits for anything but the database is a mistake."""


class Database:
    """An open database. Made by ``open_database``."""

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        reader: AsyncEngine | None = None,
        writer: GroupedWriter | None = None,
        guard: Guard = unguarded,
    ) -> None:
        self._engine = engine
        self._reader = reader or engine
        self._writer = writer
        self._guard = guard

    def guarded(self, guard: Guard) -> "Database":
        """The same database for whoever may write only while ``guard`` agrees: it is asked first in every unit."""
        return Database(self._engine, reader=self._reader, writer=self._writer, guard=guard)

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """One unit of work. Leaving the block without an error means that it is durable.

        A caller that is cancelled while it waits for the commit cannot know whether it happened.

        Raises:
            DatabaseUnavailable: it could not be stored, and was not.
            Duplicate: a unique key stands there already.
            ClusterError: what the guard of a guarded one raises.
        """
        unit = self._writer.unit() if self._writer else self._engine.begin()
        with translated():
            async with unit as connection, asyncio.timeout(UNIT_SECONDS):
                await self._guard(connection)
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A consistent view of what is stored; nothing can be changed in it.

        Raises:
            DatabaseUnavailable: it cannot be read.
        """
        with translated():
            async with self._reader.connect() as connection:
                yield connection

    async def probe(self, now: float) -> None:
        """Stores one durable row, the only honest test of a database.

        Raises:
            DatabaseUnavailable: with the reason.
        """
        async with self.transaction() as connection:
            done = await connection.execute(text("UPDATE core_probe SET at = :now WHERE id = 1"), {"now": now})
            if done.rowcount == 0:
                await connection.execute(text("INSERT INTO core_probe (id, at) VALUES (1, :now)"), {"now": now})


OnFatal = Callable[[ClusterError], None]


@asynccontextmanager
async def open_database(url: str, *, on_fatal: OnFatal, synchronous: str = "FULL") -> AsyncIterator[Database]:
    """An open database at ``url``, closed at the end. Its tables must be there (see ``migrate``).

    ``on_fatal`` is told when the disk failed during a commit: the process must not go on. ``synchronous`` is for the
    power-cut harness, which shows that anything below FULL loses acknowledged rows.
    """
    address = driver_url(url)
    if address.get_backend_name() == "postgresql":
        engine = _postgresql(address)
        try:
            yield Database(engine)
        finally:
            await engine.dispose()
        return
    connections = SqliteConnections()
    engine = _sqlite(address, connections, begin="BEGIN IMMEDIATE", pragmas={"synchronous": synchronous}, size=1)
    reader = _sqlite(address, connections, begin="BEGIN", pragmas={"query_only": "ON"}, size=READERS)

    async def failed(error: ClusterError) -> None:
        if isinstance(error, DatabaseBroken):
            on_fatal(error)
        if isinstance(error, DatabaseReadOnly):
            # A connection that was opened on a read-only file stays so; only a new one sees that it was mended.
            await reader.dispose()
            await engine.dispose()

    path = Path(address.database or "")
    writer = GroupedWriter(engine, translate=translate, before=lambda: _refuse_read_only(path), failed=failed)
    try:
        async with writer.running():
            yield Database(engine, reader=reader, writer=writer)
    finally:
        await reader.dispose()
        await engine.dispose()
        await connections.over(UNIT_SECONDS)


def sqlite_url(path: Path) -> str:
    """The address of a SQLite file."""
    return f"sqlite:///{path}"


def driver_url(url: str) -> URL:
    """``url`` with the driver that we use.

    Raises:
        Misconfigured: neither SQLite nor PostgreSQL.
    """
    try:
        address = make_url(url)
        kind = address.get_backend_name()
    except SQLAlchemyError as exc:
        raise Misconfigured("database_url is not an address") from exc
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
    if kind not in drivers:
        raise Misconfigured(f"database_url names {kind!r}", hint="use postgresql://user@host/name, or leave it out")
    return address.set(drivername=drivers[kind])


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raises our classes for whatever the drivers raise inside."""
    try:
        yield
    except SQLAlchemyError as exc:
        raise translate(exc) from exc
    except TimeoutError as exc:
        raise DatabaseUnavailable("the database took too long") from exc


def translate(exc: Exception) -> ClusterError:
    """The most specific of our classes for a driver's error."""
    if isinstance(exc, ClusterError):
        return exc
    if isinstance(exc, IntegrityError):
        return Duplicate("that is there already")
    cause: Any = exc.orig if isinstance(exc, DBAPIError) else exc
    name = str(getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None) or "")
    for prefixes, kind, message, hint in _KINDS:
        if name.startswith(prefixes):
            return kind(f"{message} ({name})", hint=hint)
    return DatabaseUnavailable(f"the database cannot be used: {_first_line(cause)}", retry_after=2.0)


_SPACE = "free some space where the data directory lies; it goes on by itself"
_RIGHTS = "make the data directory writable for this user; see that its disk is not mounted read-only"
_KINDS: tuple[tuple[tuple[str, ...], type[DatabaseUnavailable], str, str], ...] = (
    (("SQLITE_FULL", "53100", "SQLITE_IOERR_SHMSIZE"), DatabaseFull, "the disk of the database is full", _SPACE),
    (("SQLITE_READONLY", "25006"), DatabaseReadOnly, "the database cannot be written: it is read-only", _RIGHTS),
    (
        ("SQLITE_IOERR_FSYNC", "SQLITE_IOERR_DIR_FSYNC", "SQLITE_CORRUPT", "SQLITE_NOTADB", "58030", "XX001"),
        DatabaseBroken,
        "the disk failed while data was made durable, or the file is damaged",
        "check the disk (dmesg, SMART), then start again; a backup may be needed",
    ),
    (("SQLITE_IOERR",), DatabaseUnavailable, "the database cannot be read or written", _RIGHTS),
    (("SQLITE_CANTOPEN", "SQLITE_PERM"), DatabaseUnavailable, "the database file cannot be opened or written", _RIGHTS),
    (("SQLITE_BUSY", "SQLITE_LOCKED"), DatabaseUnavailable, "another program holds the database", "close that program"),
)


def _first_line(cause: object) -> str:
    return str(cause).strip().partition("\n")[0][:200]


def _refuse_read_only(path: Path) -> None:
    """Looks before SQLite does: storing into its shared memory when that file turned read-only ends the process."""
    for suffix in ("", "-wal", "-shm"):
        file = f"{path}{suffix}"
        if not os.access(file, os.W_OK) and os.path.exists(file):  # noqa: PTH110 - called for every commit
            raise DatabaseReadOnly(f"the database cannot be written: {file} is read-only", hint=_RIGHTS)


def _postgresql(address: URL) -> AsyncEngine:
    arguments = {"connect_timeout": 3, "options": "-c statement_timeout=10000 -c lock_timeout=5000"}
    # What is stored can be secret; the library's errors, with the values of their statement in them, end in logs.
    return create_async_engine(
        address, pool_size=5, max_overflow=5, pool_timeout=5, connect_args=arguments, hide_parameters=True
    )


_EMPTY: Final[Mapping[str, Callable[[], Any]]] = {"{}": dict, "[]": list, "null": lambda: None}


def _read_json(text: str) -> Any:
    """Most columns of JSON hold nothing; to ask the parser for that costs ten times as much."""
    made = _EMPTY.get(text)
    return json.loads(text) if made is None else made()


def _sqlite(
    address: URL, connections: SqliteConnections, *, begin: str, pragmas: dict[str, str], size: int
) -> AsyncEngine:
    arguments = {"async_creator_fn": connections.opened}
    engine = create_async_engine(
        address,
        pool_size=size,
        max_overflow=0,
        pool_timeout=UNIT_SECONDS,
        connect_args=arguments,
        hide_parameters=True,
        json_deserializer=_read_json,
    )
    settings = {"busy_timeout": str(BUSY_MILLISECONDS), "foreign_keys": "ON", "journal_mode": "WAL", **pragmas}

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        # The driver must not open transactions on its own: a read that later writes would then die of SQLITE_BUSY.
        connection.isolation_level = None
        cursor = connection.cursor()
        for name, value in settings.items():
            cursor.execute(f"PRAGMA {name}={value}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begun(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine
