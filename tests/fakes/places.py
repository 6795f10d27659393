"""Slots, the queue before them, and the models in memory of one node."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.fakes.knobs import Counters, Knobs


class Busy(Exception):
    """All slots are taken and the queue is full."""


@dataclass
class Loaded:
    """A model in memory."""

    expires: float  # monotonic; inf = never
    users: int = 0


@dataclass
class Loading:
    """A load that some requests wait for; it is given up when the last of them left, as Ollama does."""

    task: asyncio.Task[None]
    waiters: int = 0


@dataclass
class Places:
    """Who runs, who waits, what is loaded."""

    knobs: Callable[[], Knobs]
    counters: Counters
    loaded: dict[str, Loaded] = field(default_factory=dict)
    loading: dict[str, Loading] = field(default_factory=dict)
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Run inside a slot; first come, first served.

        Raises:
            Busy: the queue is full.
        """
        await self._enter()
        self.counters.max_in_flight = max(self.counters.max_in_flight, self.counters.in_flight)
        try:
            yield
        finally:
            self.counters.in_flight -= 1
            self.admit()

    async def _enter(self) -> None:
        knobs = self.knobs()
        if self.counters.in_flight < knobs.slots and not self.waiting:
            self.counters.in_flight += 1
            return
        if len(self.waiting) >= knobs.queue:
            raise Busy
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append(turn)
        self._count()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # The slot was given in the very moment of leaving.
                self.counters.in_flight -= 1
                self.admit()
            raise
        finally:
            if turn in self.waiting:
                self.waiting.remove(turn)
            self._count()

    def _count(self) -> None:
        self.counters.queued = len(self.waiting)
        self.counters.max_queued = max(self.counters.max_queued, self.counters.queued)

    def admit(self) -> None:
        """Hand free slots to those who wait."""
        while self.waiting and self.counters.in_flight < self.knobs().slots:
            turn = self.waiting.popleft()
            if not turn.done():
                self.counters.in_flight += 1
                turn.set_result(None)

    @asynccontextmanager
    async def model(self, name: str, keep_alive: float | None) -> AsyncIterator[None]:
        """Hold ``name`` in memory, loading it first when it is not there; ``keep_alive`` counts from the end."""
        self.expire()
        if name not in self.loaded:
            await self._load(name)
        place = self.loaded.setdefault(name, Loaded(expires=float("inf")))
        place.users += 1
        try:
            yield
        finally:
            place.users -= 1
            keep = self.knobs().keep_alive if keep_alive is None else keep_alive
            place.expires = float("inf") if keep < 0 else time.monotonic() + keep
            self.expire()

    async def _load(self, name: str) -> None:
        load = self.loading.get(name)
        if load is None:
            load = self.loading[name] = Loading(asyncio.create_task(self._loading(name)))
        load.waiters += 1
        try:
            await asyncio.shield(load.task)
        finally:
            load.waiters -= 1
            if load.waiters == 0 and not load.task.done():
                load.task.cancel()
                del self.loading[name]
                self.counters.loads_aborted += 1

    async def _loading(self, name: str) -> None:
        self.counters.loads += 1
        self._make_room()
        await asyncio.sleep(self.knobs().load)
        self.loaded[name] = Loaded(expires=float("inf"))
        # A load that was given up never comes here: who gave it up has taken it out, and a next one may stand there.
        del self.loading[name]

    def _make_room(self) -> None:
        limit = self.knobs().max_loaded
        idle = sorted((name for name in self.loaded if not self.loaded[name].users), key=self._expiry)
        while limit and len(self.loaded) >= limit and idle:
            del self.loaded[idle.pop(0)]
            self.counters.evictions += 1

    def _expiry(self, name: str) -> float:
        return self.loaded[name].expires

    def expire(self) -> None:
        """Forget models whose time is over; called before anything reads ``loaded``."""
        now = time.monotonic()
        for name in [name for name, place in self.loaded.items() if not place.users and place.expires <= now]:
            del self.loaded[name]

    def left(self, name: str) -> float:
        """Seconds that ``name`` stays in memory without a further request."""
        return self.loaded[name].expires - time.monotonic()

    def forget(self) -> None:
        """Free every model that nobody uses."""
        for name in [name for name, place in self.loaded.items() if not place.users]:
            del self.loaded[name]
