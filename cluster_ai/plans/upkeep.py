"""What grows and must not grow for ever: plans that ended long ago, their files, old idempotency keys, old events."""

import asyncio
from typing import Final

import structlog

from cluster_ai.core import outbox
from cluster_ai.core.errors import Unavailable
from cluster_ai.plans.given import Given
from cluster_ai.plans.service import KEY_SECONDS
from cluster_ai.plans.tables import plans

log = structlog.get_logger(__name__)
EVERY_SECONDS: Final = 600.0
_DAY: Final = 86_400.0
_AT_ONCE: Final = 20
_EVENTS_AT_ONCE: Final = 5_000
EVENT_DAYS: Final = 7


class Upkeep:
    """``tick`` does a bounded piece of it; ``run`` calls it for as long as the process lives."""

    def __init__(self, given: Given, *, keep_days: float) -> None:
        self._given = given
        self._keep = keep_days * _DAY

    async def tick(self, now: float) -> int:
        """Drops plans that ended more than ``keep_days`` ago with their files, a few at a time; answers how many."""
        database = self._given.database
        async with database.transaction() as connection:
            await plans.forget_keys(connection, now - KEY_SECONDS)
            await outbox.forget(connection, now - EVENT_DAYS * _DAY, _EVENTS_AT_ONCE)
        dropped = 0
        while True:
            async with database.read() as connection:
                old = await plans.old(connection, now - self._keep, _AT_ONCE)
            for plan_id in old:
                # One at a time: a plan of ten thousand tickets is enough for one unit of work.
                async with database.transaction() as connection:
                    await plans.drop(connection, plan_id)
                # Rows first: a file without a row is only waste, a row without its file is a loss.
                await asyncio.to_thread(self._given.results.drop_plan, plan_id)
            dropped += len(old)
            if len(old) < _AT_ONCE:
                return dropped

    async def run(self) -> None:
        """Until it is cancelled. A database that cannot be written now is tried again the next time."""
        while True:
            try:
                await self.tick(self._given.now())
            except Unavailable as exc:
                log.warning("old plans stay for now", reason=exc.message)
            await asyncio.sleep(EVERY_SECONDS)
