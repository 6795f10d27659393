"""Updates as the API has them: what runs, what could, how the last one went. Applying one is for the machine itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog

from backend.backups_room import Around, Backups, BackupsConfig, open_backups
from cluster_ai.core import loops, outbox
from cluster_ai.core.errors import ClusterError, Unsupported
from cluster_ai.core.events import Event
from cluster_ai.ops.updates.desk import Desk, UpdatesConfig
from cluster_ai.ops.updates.types import UpdateOffer, UpdatesView
from cluster_ai.supervisor.types import SupervisorView

__all__ = ["Around", "Backups", "Updates", "UpdatesConfig", "open_upkeep", "opened"]

log = structlog.get_logger(__name__)
LOOK_SECONDS: Final = 15.0
AVAILABLE: Final = "update.available"
Asked = Callable[[], Awaitable[SupervisorView]]


@dataclass(frozen=True, slots=True)
class Upkeep:
    """None: nobody configured it."""

    backups: BackupsConfig | None
    updates: UpdatesConfig | None


class Updates:
    """``ask``: what this head's supervisor says."""

    def __init__(self, desk: Desk, around: Around, ask: Asked) -> None:
        self._desk = desk
        self._around = around
        self._ask = ask

    async def view(self) -> UpdatesView:
        return await asyncio.to_thread(self._desk.view)

    async def tick(self) -> None:
        """Keeps a version that nobody waits for any more, and looks for newer ones when it is time."""
        await self._confirm()
        now = self._around.times.now()
        if self._around.leads() <= 0 or not self._desk.is_due(now=now):
            return
        view = await asyncio.to_thread(self._desk.look, now=now)
        if view.problem:
            log.warning("no newer version could be looked for", reason=view.problem)
        if offer := self._desk.news():
            await self._tell(offer)

    async def _confirm(self) -> None:
        is_left = await asyncio.to_thread(self._desk.is_left) and await self._is_ready()
        if is_left and await asyncio.to_thread(self._desk.confirm):
            log.info("this version stays: every part is ready")

    async def _is_ready(self) -> bool:
        try:
            return (await self._ask()).ready
        except ClusterError:
            return False

    async def _tell(self, offer: UpdateOffer) -> None:
        times, bus = self._around.times, self._around.bus
        event = Event(
            times.new_id(), AVAILABLE, offer.version, {"name": offer.name, "size": offer.size}, at=times.now()
        )

        def publish(told: Event) -> None:
            bus.publish(told.topic, told)

        async with outbox.unit(self._around.rooms.database, publish) as unit:
            unit.say(event)


@asynccontextmanager
async def open_upkeep(
    config: Upkeep, around: Around, ask: Asked
) -> AsyncIterator[tuple[Backups | None, Updates | None]]:
    """Both rooms with their loops; None for one that nobody configured."""
    async with open_backups(config.backups, around) as kept:
        if config.updates is None:
            yield kept, None
            return
        room = Updates(await asyncio.to_thread(Desk, config.updates), around, ask)
        async with loops.alongside(updates=loops.every(LOOK_SECONDS, room.tick, name="updates")):
            yield kept, room


def opened(updates: Updates | None) -> Updates:
    """The room that is there.

    Raises:
        Unsupported: this API was started without one.
    """
    if updates is None:
        raise Unsupported("this API knows nothing of updates", hint="cluster-ai update status")
    return updates
