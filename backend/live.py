"""The live snapshot: read once a tick, published on the bus, and what every request answers from."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from backend.changes import ClusterEvent, changes
from backend.database_check import DatabaseCheck
from backend.snapshot import About, RateWindow, checks, is_ready, overview
from backend.sources import Readings, Sources, read
from cluster_ai.core.bus import Bus
from cluster_ai.core.errors import NotFound, Unavailable
from cluster_ai.core.loops import every
from cluster_ai.views import NodeView, OverviewView, ReadyView

__all__ = ["EVENTS", "OVERVIEW", "TOPICS", "Bus", "ClusterEvent", "Keep", "Live", "Now", "Shown"]

OVERVIEW = "overview"
EVENTS = "events"
PULLS = "pulls"
"""Every pull as it is now, at most once a second each."""
PLANS = ("plan", "ticket")
"""What happened to plans and tickets."""
TOPICS = frozenset({OVERVIEW, EVENTS, PULLS, *PLANS})
DATABASE_SECONDS = 10.0
"""The loop itself writes to the database this seldom; ``/ready`` looks afresh."""


Now = Callable[[], float]
"""Answers Unix seconds."""
Keep = Callable[[Sequence[ClusterEvent]], None]
"""Is told what happened, in the loop: it neither waits nor fails."""
Shown = Callable[[OverviewView], None]
"""Gets a picture, as ``Keep`` is told."""


class Live:
    """Owns the last picture. It lives in memory: it is worth nothing a second later."""

    def __init__(self, sources: Sources, *, about: About, bus: Bus, database: DatabaseCheck, now: Now) -> None:
        self._sources = sources
        self._about = about
        self._bus = bus
        self._database = database
        self._now = now
        self._rates = RateWindow()
        self._readings: Readings | None = None
        self._overview: OverviewView | None = None
        self._ticking = asyncio.Lock()
        self._keep: Keep | None = None
        self._shown: Shown | None = None

    @asynccontextmanager
    async def running(
        self, *, seconds: float, keep: Keep | None = None, shown: Shown | None = None
    ) -> AsyncIterator[None]:
        """Ticks inside the block; ``keep`` is told what happened, ``shown`` gets each picture."""
        self._keep, self._shown = keep, shown
        loop = asyncio.create_task(every(seconds, self.tick, name="live"))
        try:
            yield
        finally:
            loop.cancel()
            with suppress(asyncio.CancelledError):
                await loop

    async def tick(self) -> None:
        """Reads every source, keeps the picture and tells the bus. One at a time: no older picture comes last."""
        async with self._ticking:
            await self._tick()

    async def _tick(self) -> None:
        readings = await read(self._sources, at=self._now())
        database = await self._database.look(within=DATABASE_SECONDS)
        picture = overview(self._about, readings, self._rates, database=database)
        before, self._overview, self._readings = self._overview, picture, readings
        if before is not None:
            self._tell(tuple(changes(before, picture)))
        if self._shown is not None:
            self._shown(picture)
        self._bus.publish(OVERVIEW, picture)

    def _tell(self, happened: Sequence[ClusterEvent]) -> None:
        for event in happened:
            self._bus.publish(EVENTS, event)
        if self._keep and happened:
            self._keep(happened)

    def overview(self) -> OverviewView:
        """The last picture.

        Raises:
            Unavailable: the first one is still being made.
        """
        if self._overview is None:
            raise Unavailable("the first snapshot is being made", retry_after=1.0)
        return self._overview

    def node(self, name: str) -> NodeView:
        """The node of that name.

        Raises:
            NotFound: there is none.
        """
        for node in self.overview().nodes:
            if node.name == name:
                return node
        raise NotFound(f"no node is called {name}", hint="./manager.sh node ls", values={"about": "node", "name": name})

    async def ready(self) -> ReadyView:
        """Each dependency: the database tried now (at most once a second), the others as of the last tick."""
        database = await self._database.look(within=1.0)
        self.overview()
        assert self._readings is not None
        found = checks(self._about, self._readings, database=database)
        return ReadyView(ready=is_ready(found), checks=found)
