"""The configuration read again while the gateway serves: on SIGHUP, or when our own command asks at the door."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog

from backend.gateway.answers import Asked
from cluster_ai.core.errors import ClusterError, Forbidden
from cluster_ai.gateway.reload import ReloadView
from cluster_ai.gateway.room import Room
from cluster_ai.settings import Settings

log = structlog.get_logger(__name__)
PATH: Final = "/-/reload"
_UNPROCESSABLE: Final = 422


class Reloading:
    """``settings`` are those of the start; ``read`` reads the file and the environment again."""

    def __init__(self, settings: Settings, read: Callable[[], Settings]) -> None:
        self._settings = settings
        self._read = read
        self._one_at_a_time = asyncio.Lock()

    async def door(self, asked: Asked, room: Room) -> None:
        """Reloads and tells what changed; 422 with the reason when nothing did because the file is wrong."""
        if asked.scope.get("client") is not None:
            # The Unix socket lies where only the owner of the cluster gets in; a port has no such wall.
            raise Forbidden("the gateway is reloaded at its own door: cluster-ai reload")
        try:
            found = await self.now(room)
        except ClusterError as exc:
            said = {"code": exc.code, "message": exc.message, "hint": exc.hint}
            await asked.say_json(said, status=_UNPROCESSABLE)
        else:
            await asked.say_json(found.model_dump(mode="json"))

    async def now(self, room: Room) -> ReloadView:
        """Puts the configuration as it is written now in force.

        Raises:
            Misconfigured: it is wrong; nothing was changed.
        """
        async with self._one_at_a_time:
            new = await asyncio.to_thread(self._read)
            found = room.reload.apply(new.gateway)
            others = [name for name in Settings.model_fields if getattr(self._settings, name) != getattr(new, name)]
        waiting = [*found.after_restart, *(name for name in others if name != "gateway")]
        found = found.model_copy(update={"after_restart": tuple(waiting)})
        log.info("configuration reloaded", **{key: value for key, value in found.model_dump().items() if value})
        return found

    @asynccontextmanager
    async def on_signal(self, room: Room) -> AsyncIterator[None]:
        """Reloads on SIGHUP as long as the block lasts."""
        loop, asked = asyncio.get_running_loop(), asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(self._whenever(asked, room))
            loop.add_signal_handler(signal.SIGHUP, asked.set)
            try:
                yield
            finally:
                loop.remove_signal_handler(signal.SIGHUP)
                waiting.cancel()

    async def _whenever(self, asked: asyncio.Event, room: Room) -> None:
        while True:
            await asked.wait()
            asked.clear()
            try:
                await self.now(room)
            except ClusterError as exc:
                log.warning("the old configuration stays", code=exc.code, reason=exc.message, hint=exc.hint)
