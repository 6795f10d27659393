"""SQLite's one writer: units of work take turns on one connection, and those that came together share a commit."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from cluster_ai.core.errors import ClusterError, Unavailable
from cluster_ai.core.loops import heed_cancellation

MOST_UNITS = 256
LONGEST_GROUP_SECONDS = 0.05


Translate = Callable[[Exception], ClusterError]
Failed = Callable[[ClusterError], Awaitable[None]]


def _future() -> "asyncio.Future[Any]":
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True, eq=False)
class _Turn:
    """One unit of work, as the writer sees it."""

    granted: "asyncio.Future[AsyncConnection]" = field(default_factory=_future)
    left: "asyncio.Future[None]" = field(default_factory=_future)
    committed: "asyncio.Future[None]" = field(default_factory=_future)
    keep: bool = False

    def leave(self, *, keep: bool) -> None:
        self.keep = keep
        if not self.left.done():
            self.left.set_result(None)

    def settle(self, error: ClusterError | None) -> None:
        """Tells whoever still waits, at whichever point."""
        waiting: list[asyncio.Future[Any]] = [self.granted, self.committed]
        for future in waiting:
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
                future.exception()  # seen: a unit that was cancelled will never ask


class GroupedWriter:
    """Owns the connection that writes. Nobody else may write through this engine.

    ``before`` may refuse a group; ``failed`` is told why a group was not stored. One task serves all turns, so a caller
    that is cancelled at any point leaves no transaction open behind it.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        translate: Translate,
        before: Callable[[], None],
        failed: Failed,
    ) -> None:
        self._engine = engine
        self._translate = translate
        self._before = before
        self._failed = failed
        self._queue: asyncio.Queue[_Turn] = asyncio.Queue()
        self._closed: ClusterError | None = Unavailable("the database is not open")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serves turns inside the block."""
        self._closed = None
        task = asyncio.create_task(self._serve(), name="database writer")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            # Again here: a task that is cancelled before its first step never reaches its own end.
            self._close(Unavailable("the database is closing"))

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[AsyncConnection]:
        """A turn on the connection; the block ends after the common commit."""
        if self._closed is not None:
            raise self._closed
        turn = _Turn()
        self._queue.put_nowait(turn)
        try:
            yield await turn.granted
        except BaseException:
            turn.leave(keep=False)
            raise
        turn.leave(keep=True)
        await turn.committed

    async def _serve(self) -> None:
        error: ClusterError = Unavailable("the database is closing")
        try:
            while True:
                first = await self._queue.get()
                await self._group(first)
                heed_cancellation()
        except ClusterError as exc:
            error = exc
        finally:
            self._close(error)

    def _close(self, error: ClusterError) -> None:
        self._closed = error
        while not self._queue.empty():
            self._queue.get_nowait().settle(error)

    async def _group(self, first: _Turn) -> None:
        """One transaction with as many units as wait for it."""
        turns = [first]
        try:
            self._before()
        except ClusterError as exc:
            self._settle(turns, exc)
            return
        try:
            async with self._engine.connect() as connection, connection.begin():
                await self._take_turns(connection, turns)
        except (SQLAlchemyError, OSError) as exc:
            error = self._translate(exc)
            self._settle(turns, error)
            await self._failed(error)
        except BaseException:
            self._settle(turns, Unavailable("the database is closing"))
            raise
        else:
            self._settle(turns, None)

    async def _take_turns(self, connection: AsyncConnection, turns: list[_Turn]) -> None:
        clock = asyncio.get_running_loop().time
        until = clock() + LONGEST_GROUP_SECONDS
        await self._take_turn(connection, turns[0])
        while not self._queue.empty() and len(turns) < MOST_UNITS and clock() < until:
            turns.append(self._queue.get_nowait())
            await self._take_turn(connection, turns[-1])

    async def _take_turn(self, connection: AsyncConnection, turn: _Turn) -> None:
        if turn.granted.done():
            return  # its caller has left already
        async with connection.begin_nested() as savepoint:
            if not turn.granted.done():  # its caller may leave while the savepoint is made
                turn.granted.set_result(connection)
            await turn.left
            if not turn.keep:
                # A full or failing disk makes SQLite undo the whole transaction by itself: then this raises, and
                # every unit of the group is told that it was not stored.
                await savepoint.rollback()

    @staticmethod
    def _settle(turns: list[_Turn], error: ClusterError | None) -> None:
        for turn in turns:
            turn.leave(keep=False)
            turn.settle(error)
