"""SQLite connections that whoever waits for them may leave at any moment, and that are over when their database is.

Each has a thread that does its work and tells the event loop. Without the two rules here (seen with aiosqlite 0.22.1
under SQLAlchemy 2.1) a caller who is cancelled twice leaves a connection that is stopped twice, whose second stop
nobody ever answers, so that the process cannot end; and a thread that still works tells a loop that is closed already.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any, Final, Self

import aiosqlite

ROWS_AT_A_TIME: Final = 64


class SqliteConnections:
    """All connections of one engine; ``opened`` goes to its driver."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def opened(self, *args: Any, **options: Any) -> "_Connection":
        """A new one, as ``sqlite3.connect`` takes its arguments; to be awaited."""
        return _Connection(partial(self._open, *args, **options), ROWS_AT_A_TIME)

    def _open(self, *args: Any, **options: Any) -> sqlite3.Connection:
        # Each connection opens in its own thread, and several may at a time.
        with self._lock:
            self._threads = [*(thread for thread in self._threads if thread.is_alive()), threading.current_thread()]
        connection: sqlite3.Connection = sqlite3.connect(*args, **options)
        return connection

    async def over(self, seconds: float) -> None:
        """Waits until no thread is at work any more, ``seconds`` at most for each; all must have been told to stop."""
        for thread in self._threads:
            await asyncio.to_thread(thread.join, seconds)


class _Cursor:
    """A statement with all that comes of it, for one word to the thread and one back.

    The driver's own needs four of each: it makes a cursor, asks, reads and closes. Its users read everything at once
    all the same (SQLAlchemy does, where nothing is streamed), and a statement costs less than a word.
    """

    description: Any = None
    rowcount = -1
    lastrowid: int | None = None
    arraysize = 1

    def __init__(self, connection: "_Connection") -> None:
        self._connection = connection
        self._rows: list[Any] = []

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, sql: str, parameters: Any = ()) -> Self:
        await self._connection.carry_out(partial(self._ask, sql, parameters))
        return self

    async def executemany(self, sql: str, rows: Any) -> Self:
        await self._connection.carry_out(partial(self._ask, sql, rows, many=True))
        return self

    async def fetchall(self) -> list[Any]:
        found, self._rows = self._rows, []
        return found

    async def close(self) -> None:
        self._rows = []

    def _ask(self, sql: str, parameters: Any, *, many: bool = False) -> None:
        with closing(self._connection.plain.cursor()) as cursor:
            (cursor.executemany if many else cursor.execute)(sql, parameters)
            rows = cursor.fetchall() if cursor.description else []
            self._rows, self.description = rows, cursor.description
            self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid


class _Connection(aiosqlite.Connection):
    """One that is stopped once, however often that is asked for."""

    _stopped: asyncio.Future[Any] | None = None
    _was_stopped = False

    def __init__(self, connector: Any, iter_chunk_size: int) -> None:
        super().__init__(connector, iter_chunk_size)
        # As SQLAlchemy does for connections that it makes: one that was lost must not keep the process.
        self._thread.daemon = True

    @property
    def plain(self) -> sqlite3.Connection:
        """The connection itself, for its own thread."""
        return self._conn

    async def carry_out(self, act: Callable[[], None]) -> None:
        """Does it in the connection's thread."""
        await self._execute(act)  # type: ignore[no-untyped-call]

    def cursor(self) -> Any:
        """For one statement after another."""
        return _Cursor(self)

    def stop(self) -> asyncio.Future[Any] | None:
        """Ends its thread; the future is done then, unless there is no event loop."""
        if not self._was_stopped:
            self._was_stopped = True
            self._stopped = super().stop()
        return self._stopped
