"""Which models stand in memory: loaded once however many ask, kept while used, unloaded when idle."""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Awaitable
from contextvars import Context
from dataclasses import dataclass, field
from typing import Final, Protocol, Self

import structlog

from cluster_ai.core.clock import Clock
from cluster_ai.core.errors import ClusterError, Unavailable
from cluster_ai.core.loops import every
from cluster_ai.engines.process import Runner
from cluster_ai.engines.slots import Slots
from cluster_ai.engines.types import LoadSpec

log = structlog.get_logger(__name__)

TICK_SECONDS: Final = 0.5


class Start(Protocol):
    """Loads a model; ``Runner.start`` in earnest."""

    def __call__(self, spec: LoadSpec, /) -> Awaitable[Runner]: ...


@dataclass(frozen=True, slots=True)
class Lease:
    """A loaded model and a slot in it. ``load_seconds`` is what this request waited for the load, 0 when it stood."""

    runner: Runner
    load_seconds: float


@dataclass(slots=True, eq=False)
class Place:
    """What is known of one model; ``keep_alive`` is that of the newest request, as with Ollama."""

    name: str
    spec: LoadSpec
    slots: Slots
    keep_alive: float
    users: int = 0
    runner: Runner | None = None
    loading: asyncio.Task[Runner | ClusterError] | None = None
    expires_at: float = math.inf
    """On the monotonic clock; infinite while used or kept for ever."""

    @property
    def resident(self) -> bool:
        return self.runner is not None and self.runner.alive

    def is_idle(self, now: float) -> bool:
        return self.runner is not None and not self.users and (now >= self.expires_at or not self.runner.alive)


@dataclass(slots=True, eq=False)
class Residency:
    """Owner of every runner process. Open it with ``async with``."""

    queue: int
    clock: Clock
    start: Start = Runner.start
    places: dict[str, Place] = field(default_factory=dict)
    _tasks: asyncio.TaskGroup = field(default_factory=asyncio.TaskGroup)
    _loop: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self._loop = self._tasks.create_task(every(TICK_SECONDS, self.tick, name="idle models"))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._loop is not None
        self._loop.cancel()
        for place in self.places.values():
            if place.loading is not None:
                place.loading.cancel()
        await self._tasks.__aexit__(None, None, None)
        await self._stop(list(self.places.values()))

    @contextlib.asynccontextmanager
    async def lease(self, name: str, spec: LoadSpec, *, keep_alive: float) -> AsyncIterator[Lease]:
        """A slot in the loaded model; waits for both. ``keep_alive`` in seconds, ``inf`` for ever.

        Raises:
            Busy: too many wait already.
            LoadFailed: the file cannot be loaded.
        """
        place = self._place(name, spec)
        async with place.slots.hold():
            place.users += 1
            place.keep_alive = keep_alive
            place.expires_at = math.inf
            try:
                began = self.clock()
                cold = not place.resident
                runner = await self._loaded(place)
                yield Lease(runner, self.clock() - began if cold else 0.0)
            finally:
                place.users -= 1
                self._idle(place)

    async def unload(self, name: str) -> None:
        """Takes the model out of memory; one in use goes when its last answer is written."""
        if place := self.places.get(name):
            place.keep_alive = 0
            self._idle(place)
            await self.tick()

    async def tick(self) -> None:
        """Unloads what is idle for long enough, and forgets runners that died."""
        now = self.clock()
        await self._stop([place for place in self.places.values() if place.is_idle(now)])

    def _place(self, name: str, spec: LoadSpec) -> Place:
        place = self.places.get(name)
        if place is None:
            place = self.places[name] = Place(name, spec, Slots(spec.slots, queue=self.queue), math.inf)
        return place

    def _idle(self, place: Place) -> None:
        if not place.users:
            place.expires_at = self.clock() + place.keep_alive

    async def _loaded(self, place: Place) -> Runner:
        if place.resident:
            assert place.runner is not None
            return place.runner
        if place.loading is None:
            # A context of its own: what it logs is not the story of the request that came first.
            place.loading = self._tasks.create_task(self._load(place), context=Context())
        # Shielded: a client who leaves during a load must not take it from the others who wait for it.
        loaded = await asyncio.shield(place.loading)
        if isinstance(loaded, ClusterError):
            raise loaded
        return loaded

    async def _load(self, place: Place) -> Runner | ClusterError:
        """A failure is a value here: raised, it would end every other task of the group."""
        began = self.clock()
        try:
            await self._stop([place])
            place.runner = await self.start(place.spec)
        except ClusterError as exc:
            log.warning("model not loaded", model=place.name, reason=exc.message)
            return exc
        except OSError as exc:
            return Unavailable(f"the model's process cannot be started: {exc}")
        else:
            log.info("model loaded", model=place.name, pid=place.runner.pid, seconds=round(self.clock() - began, 2))
            return place.runner
        finally:
            place.loading = None

    async def _stop(self, places: list[Place]) -> None:
        """Forgets the runners first: who asks while they end gets new ones."""
        leaving: list[tuple[str, Runner]] = []
        for place in places:
            if place.runner is not None:
                leaving.append((place.name, place.runner))
                place.runner = None
        for name, runner in leaving:
            died = not runner.alive
            await runner.stop()
            note = log.warning if died else log.info
            note("model process died" if died else "model unloaded", model=name, ended=await runner.wait())
