"""Searches that the head makes for people: one at a time, told as they go on, forgotten after a while."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import structlog

from cluster_ai.core.loops import every
from cluster_ai.nodes.discovery.around import Around
from cluster_ai.nodes.discovery.errors import AlreadyLooking, NoSuchDiscovery
from cluster_ai.nodes.discovery.gathered import Gathered
from cluster_ai.nodes.discovery.orders import SearchOrder, planned
from cluster_ai.nodes.discovery.scanning import Manner
from cluster_ai.nodes.discovery.service import Wish, discovering
from cluster_ai.nodes.discovery.types import LeftOut

LONGEST: Final = 900.0
"""Seconds that a search may take."""
KEPT: Final = 900.0
"""Seconds for which it is kept after it ended."""
MOST_KEPT: Final = 4
TICK_SECONDS: Final = 15.0

log = structlog.get_logger(__name__)


class SearchState(StrEnum):
    """How far a search is. What was found is there in every state."""

    RUNNING = "running"
    ENDED = "ended"
    """It looked at everything."""
    CANCELLED = "cancelled"
    OUT_OF_TIME = "out_of_time"
    FAILED = "failed"


@dataclass(slots=True)
class Search:
    """One of them. Times in Unix seconds."""

    id: str
    by: str
    order: SearchOrder
    around: Around
    started_at: float
    state: SearchState = SearchState.RUNNING
    ended_at: float | None = None
    gathered: Gathered = field(default_factory=Gathered)

    @property
    def networks(self) -> tuple[str, ...]:
        return tuple(str(one.network) for one in self.around.scope.networks)

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        return self.around.scope.left_out


@dataclass(frozen=True, slots=True)
class Means:
    """What comes from outside. ``look_around`` reads interfaces and files; ``now`` answers Unix seconds."""

    look_around: Callable[[], Awaitable[Around]]
    now: Callable[[], float]
    new_id: Callable[[], str]
    manner: Manner
    longest: float = LONGEST


class Searches:
    """Owns them all. What they found is in the memory of this process alone."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._kept: dict[str, Search] = {}
        self._task: asyncio.Task[None] | None = None
        self._starting = False

    async def start(self, order: SearchOrder, *, by: str) -> Search:
        """Begins one, and does not wait for it.

        Raises:
            AlreadyLooking: there is one.
            InvalidInput: it cannot be done so.
        """
        if self._starting or self._task is not None:
            raise AlreadyLooking("a search is under way", hint="wait for its end, or cancel it")
        self._starting = True
        try:
            around, wish = planned(order, await self._means.look_around(), self._means.manner)
        finally:
            self._starting = False
        search = Search(self._means.new_id(), by, order, around, self._means.now())
        self._kept[search.id] = search
        self._forget()
        task = asyncio.create_task(_run(search, wish, self._means.longest), name="discovery for people")
        task.add_done_callback(lambda done: self._settle(search, done))
        self._task = task
        return search

    def all(self) -> tuple[Search, ...]:
        """The newest first."""
        self._forget()
        return tuple(reversed(self._kept.values()))

    def get(self, search_id: str) -> Search:
        """One.

        Raises:
            NoSuchDiscovery: none of that id, any more.
        """
        self._forget()
        found = self._kept.get(search_id)
        if found is None:
            raise NoSuchDiscovery(
                "no search has that id", hint="what a search found is kept for a quarter of an hour: search again"
            )
        return found

    async def cancel(self, search_id: str) -> Search:
        """Ends it when it has not ended yet; what it found stays.

        Raises:
            NoSuchDiscovery: none of that id, any more.
        """
        search = self.get(search_id)
        if search.state is SearchState.RUNNING and self._task is not None:
            task = self._task
            task.cancel()
            await asyncio.wait({task})
        return search

    async def around(self) -> Around:
        """Where a search would begin now."""
        return await self._means.look_around()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Searches"]:
        """What is old is forgotten as long as the block lasts; a search ends with it."""

        async def tick() -> None:
            self._forget()

        loop = asyncio.create_task(every(TICK_SECONDS, tick, name="discoveries"))
        try:
            yield self
        finally:
            for task in filter(None, (loop, self._task)):
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    def _settle(self, search: Search, done: "asyncio.Task[None]") -> None:
        self._task = None
        search.ended_at = self._means.now()
        if done.cancelled():
            search.state = SearchState.CANCELLED
        elif (failure := done.exception()) is None:
            search.state = SearchState.ENDED
        elif isinstance(failure, TimeoutError):
            search.state = SearchState.OUT_OF_TIME
        else:
            search.state = SearchState.FAILED
            log.error("a search of the network failed", exc_info=failure)

    def _forget(self) -> None:
        old = self._means.now() - KEPT
        ended = [one for one in self._kept.values() if one.ended_at is not None]
        for one in ended:
            if (one.ended_at or 0.0) < old:
                del self._kept[one.id]
        ended = [one for one in ended if one.id in self._kept]
        for one in ended[: max(0, len(self._kept) - MOST_KEPT)]:
            del self._kept[one.id]


async def _run(search: Search, wish: Wish, longest: float) -> None:
    async with asyncio.timeout(longest), discovering(search.around, wish) as events:
        async for event in events:
            search.gathered.take(event)
