"""The room as the API has it: a store that is opened again when its disk comes back, filled and bounded by itself."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from cluster_ai.core.errors import ClusterError, Unavailable
from cluster_ai.core.groups import ungrouped
from cluster_ai.core.loops import heed_cancellation
from cluster_ai.logs.collector import Collector, Source
from cluster_ai.logs.query import Query, parse
from cluster_ai.logs.shipping import Shipper, Sink
from cluster_ai.logs.store import LogStore, behind, open_store
from cluster_ai.logs.types import Kept, LogCounts, LogLine, LogPage, LogsSettings

log = structlog.get_logger(__name__)

PAUSE: Final = 0.5
AGAIN: Final = 5.0
MOST_FAILURES: Final = 12
"""After so many in a row the file is opened anew: it may be another one now."""
PRUNING: Final = 60.0
STOP_SECONDS: Final = 3.0
FIRST_STEP: Final = 60
TOGETHER: Final = 200
"""Lines that a follower is told at once."""
MUCH: Final = 500
"""A tick with so many lines is followed by the next one at once."""
_MOST_STEPS: Final = 240


@dataclass(frozen=True, slots=True)
class LogsConfig:
    """What the room runs on. ``file``: where the store lies; ``folder``: where the parts write."""

    file: Path
    folder: Path
    settings: LogsSettings
    now: Callable[[], float]
    """Answers Unix seconds."""
    node: str = ""

    @property
    def source(self) -> Source:
        return Source(self.folder, self.node or socket.gethostname())


class Logs:
    """Searches answer from the store; while it is away they say why. ``sinks`` get a copy of every line."""

    def __init__(self, config: LogsConfig, sinks: Sequence[Sink] = ()) -> None:
        self._config = config
        self.shippers = tuple(Shipper(sink) for sink in sinks)
        self._store: LogStore | None = None
        self._collector: Collector | None = None
        self._trouble = ""
        self._pruned = float("-inf")
        self._came = asyncio.Event()
        self._stopping = asyncio.Event()
        self._broke = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Logs"]:
        """Collects inside the block, and what was written before its end."""
        task = asyncio.create_task(self._run(), name="log store")
        try:
            yield self
        finally:
            self._stopping.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_SECONDS):
                    await task

    # -- what is asked of it

    async def page(self, asked: str, *, before: int, limit: int) -> LogPage:
        """Lines older than number ``before`` that meet ``asked``, the newest first.

        Raises:
            BadQuery: ``asked`` cannot be read.
            Unavailable: the store cannot be used now.
        """
        query = self._parsed(asked)
        items = await self._there.before(query, number=before, limit=limit)
        return LogPage(items=items, next=items[-1].number if len(items) == limit else None, kept=await self.kept())

    async def counts(self, asked: str, *, minutes: int) -> LogCounts:
        """How many lines of the last ``minutes`` meet ``asked``, per minute; in longer steps where these were many.

        Raises:
            BadQuery: ``asked`` cannot be read.
            Unavailable: the store cannot be used now.
        """
        query = self._parsed(asked)
        step = FIRST_STEP * max(1, -(-minutes // _MOST_STEPS))
        steps = -(-minutes * FIRST_STEP // step)
        first = (int(self._config.now()) // step - steps + 1) * step
        items = await self._there.counts(query, first=first, step=step)
        return LogCounts(first=first, step_seconds=step, steps=steps, items=items)

    async def tail(self, asked: str, *, after: int | None, quiet: float = 1.0) -> AsyncIterator[LogLine | None]:
        """Lines that meet ``asked`` as they come, None after each ``quiet`` seconds without any.

        From number ``after`` on, else from now on.

        Raises:
            BadQuery: ``asked`` cannot be read.
        """
        query, cursor = self._parsed(asked), after
        while True:
            came = self._came
            found, cursor = await self._news(query, cursor)
            for line in found:
                yield line
            if not found and not await _came_within(came, quiet):
                yield None

    async def _news(self, query: Query, cursor: int | None) -> tuple[tuple[LogLine, ...], int | None]:
        """Lines behind ``cursor``, and the cursor behind them; none while the store is away."""
        try:
            newest = await self._there.newest()
            # A number from before the file was set aside is larger than any that it gives out now.
            start = newest if cursor is None else min(cursor, newest)
            found = await self._there.after(start, limit=TOGETHER, query=query)
        except Unavailable:
            return (), cursor
        # What does not meet the query is not looked at again.
        return found, found[-1].number if len(found) == TOGETHER else max(newest, *(line.number for line in found), 0)

    def check(self, asked: str) -> None:
        """Refuses what ``tail`` would refuse, before an answer begins.

        Raises:
            BadQuery: ``asked`` cannot be read.
        """
        self._parsed(asked)

    async def kept(self) -> Kept:
        """What the store holds, and what it is missing.

        Raises:
            Unavailable: the store cannot be used now.
        """
        return (await self._there.kept()).model_copy(update={"behind_bytes": self.behind})

    @property
    def is_open(self) -> bool:
        """Whether lines can be stored now."""
        return self._store is not None and not self._trouble

    @property
    def trouble(self) -> str:
        """Why it could not be used the last time; empty since it could."""
        return self._trouble

    @property
    def behind(self) -> int:
        """Bytes that were written and are not collected yet."""
        return behind(self._collector.places) if self._collector else 0

    @property
    def collected(self) -> int:
        """Lines since the store was opened."""
        return self._collector.lines if self._collector else 0

    def _parsed(self, asked: str) -> Query:
        return parse(asked, now=self._config.now())

    @property
    def _there(self) -> LogStore:
        if self._store is None:
            reason = self._trouble or "it is being opened"
            raise Unavailable(f"the log store cannot be used: {reason}", hint="cluster-ai logs", retry_after=AGAIN)
        return self._store

    # -- what it does by itself

    async def _run(self) -> None:
        while not self._stopping.is_set():
            self._broke.clear()
            try:
                with ungrouped():
                    async with open_store(self._config.file, on_fatal=self._on_fatal) as store:
                        await self._work(store)
            except ClusterError as exc:
                self._say(exc)
            except Exception:  # the cluster works without searchable logs, and the next try may go well
                log.exception("the log store stumbled")
            finally:
                self._store = None
            heed_cancellation()
            await self._wait(AGAIN)

    async def _work(self, store: LogStore) -> None:
        collector = Collector(store, self._config.source, now=self._config.now)
        await collector.open()
        self._store, self._collector = store, collector
        async with asyncio.TaskGroup() as tasks:
            shipping = [tasks.create_task(shipper.run(store)) for shipper in self.shippers]
            try:
                await self._keep(store, collector)
            finally:
                for task in shipping:
                    task.cancel()

    async def _keep(self, store: LogStore, collector: Collector) -> None:
        failures = 0
        while not self._broke.is_set() and failures < MOST_FAILURES:
            # Looked at first: what came before the stop is stored in this round.
            last = self._stopping.is_set()
            came = await self._collect(store, collector)
            failures = failures + 1 if came is None else 0
            if last:
                return
            if came is None:
                await self._wait(AGAIN)
            elif came < MUCH:
                await self._wait(PAUSE)

    async def _collect(self, store: LogStore, collector: Collector) -> int | None:
        """How many lines came; None when they could not be stored. What is there can be searched all the same."""
        try:
            came = await collector.tick() if self._config.settings.collect else 0
            await self._prune(store)
        except ClusterError as exc:
            self._say(exc)
            return None
        if self._trouble:
            log.info("logs are collected again")
        self._trouble = ""
        if came:
            self._tell()
        return came

    async def _prune(self, store: LogStore) -> None:
        now, settings = self._config.now(), self._config.settings
        if abs(now - self._pruned) < PRUNING:
            return
        self._pruned = now
        await store.prune(before=now - settings.keep_days * 86_400, most_bytes=settings.keep_bytes)

    def _tell(self) -> None:
        came, self._came = self._came, asyncio.Event()
        came.set()
        for shipper in self.shippers:
            shipper.wake()

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _on_fatal(self, _error: ClusterError) -> None:
        # Logs are no reason for the process to end: the store is opened anew.
        self._broke.set()

    def _say(self, error: ClusterError) -> None:
        """Once for each time that it goes away."""
        if not self._trouble:
            log.warning("logs are not collected for now", reason=error.message)
        self._trouble = error.message


async def _came_within(came: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await came.wait()
    return False
