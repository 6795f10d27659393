"""Backups as the API has them: made when asked, and by the head that leads as often as the settings say."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from backend.rooms import Rooms
from cluster_ai.accounts.service import Times
from cluster_ai.core import loops, outbox
from cluster_ai.core.bus import Bus
from cluster_ai.core.errors import ClusterError, Unsupported
from cluster_ai.core.events import Event
from cluster_ai.ops.desk import BackupsConfig, Desk
from cluster_ai.ops.types import BackupView

__all__ = ["Backups", "BackupsConfig", "open_backups", "opened"]

log = structlog.get_logger(__name__)
LOOK_SECONDS: Final = 60.0
FAILED: Final = "backup.failed"


@dataclass(frozen=True, slots=True)
class Around:
    """``leads``: above 0 while this head does."""

    rooms: Rooms
    bus: Bus
    times: Times
    leads: Callable[[], int]


class Backups:
    """One thing at a time: two at once would read and write the same disk twice as long."""

    def __init__(self, desk: Desk, around: Around) -> None:
        self._desk = desk
        self._around = around
        self._one = asyncio.Lock()
        self._tried: float | None = None
        self.last: float | None = None
        """When the newest proven one was made, as last looked at; Unix seconds."""

    async def all(self) -> tuple[BackupView, ...]:
        found = await asyncio.to_thread(self._desk.all)
        self.last = max((one.made_at for one in found if one.verified), default=None)
        return found

    async def create(self) -> BackupView:
        async with self._one:
            made = await asyncio.to_thread(self._desk.create, now=self._around.times.now())
        await self.all()
        return made

    async def verify(self, name: str) -> BackupView:
        async with self._one:
            return await asyncio.to_thread(self._desk.verify, name)

    async def remove(self, name: str) -> None:
        await asyncio.to_thread(self._desk.remove, name)
        await self.all()

    async def path(self, name: str) -> Path:
        return await asyncio.to_thread(self._desk.path, name)

    async def tick(self) -> None:
        """Makes one when it is time; a failure is an event, and is tried again when the next would be due."""
        now = self._around.times.now()
        await self.all()
        if self._around.leads() <= 0 or not await asyncio.to_thread(self._desk.is_due, now=now, tried=self._tried):
            return
        self._tried = now
        try:
            made = await self.create()
        except ClusterError as exc:
            log.error("backup failed", code=exc.code, reason=exc.message)  # noqa: TRY400 - the reason says it all
            await self._tell(exc)
        else:
            log.info("backup made", name=made.name, size=made.size)

    async def _tell(self, exc: ClusterError) -> None:
        times, bus = self._around.times, self._around.bus
        data = {"code": exc.code, "reason": exc.message}
        event = Event(times.new_id(), FAILED, exc.code, data, at=times.now())

        def publish(told: Event) -> None:
            bus.publish(told.topic, told)

        async with outbox.unit(self._around.rooms.database, publish) as unit:
            unit.say(event)


@asynccontextmanager
async def open_backups(config: BackupsConfig | None, around: Around) -> AsyncIterator[Backups | None]:
    """The room with its loop; None where nobody said what is backed up."""
    if config is None:
        yield None
        return
    backups = Backups(Desk(config), around)
    async with loops.alongside(backups=loops.every(LOOK_SECONDS, backups.tick, name="backups")):
        yield backups


def opened(backups: Backups | None) -> Backups:
    """The room that is there.

    Raises:
        Unsupported: this API was started without one.
    """
    if backups is None:
        raise Unsupported("this API makes no backups", hint="cluster-ai backup create")
    return backups
