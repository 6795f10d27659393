"""The notify room with its loops."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from cluster_ai.core.db import Database
from cluster_ai.core.loops import alongside, every
from cluster_ai.notify import tables
from cluster_ai.notify.chance import Chance
from cluster_ai.notify.given import DAY, Around, Given, PipelineCompleted, Turn, alone
from cluster_ai.notify.making import Notify, made

__all__ = ["Around", "Chance", "Given", "Notify", "PipelineCompleted", "Turn", "alone", "open_room"]

TIDY_SECONDS: Final = 600.0
COUNT_SECONDS: Final = 5.0
MOST_COUNTED: Final = 100_000
AT_ONCE: Final = 1000


@asynccontextmanager
async def open_room(database: Database, given: Given, around: Around) -> AsyncIterator[Notify]:
    """The room, whose loops run until the block ends.

    Raises:
        Misconfigured: a key or the allow-list holds something else.
    """
    async with AsyncExitStack() as stack:
        room = await made(database, given, around, stack)

        async def tidy() -> None:
            async with given.turn() as is_ours:
                if is_ours:
                    await forget(database, room, before=given.chance.now() - given.settings.keep_days * DAY)

        loops = alongside(
            webhooks=room.outbound.run(seconds=given.poll_seconds),
            outbox=every(given.poll_seconds, lambda: pass_on(room), name="outbox"),
            old_webhooks=every(TIDY_SECONDS, tidy, name="old webhooks"),
            waiting_webhooks=every(COUNT_SECONDS, lambda: count_waiting(database, room), name="waiting webhooks"),
        )
        async with loops:
            yield room


async def pass_on(room: Notify) -> None:
    """What waits in the outbox becomes deliveries, which are sent at once."""
    if await room.fanout.tick():
        room.outbound.wake()


async def forget(database: Database, room: Notify, *, before: float) -> None:
    """Drops deliveries that ended before then, and receipts that nobody needs any more."""
    forgotten = AT_ONCE
    while forgotten == AT_ONCE:
        async with database.transaction() as connection:
            forgotten = await tables.forget_ended(connection, before=before, most=AT_ONCE)
            await tables.forget_idle(connection)
    await room.inbound.forget()


async def count_waiting(database: Database, room: Notify) -> None:
    """Notes how many deliveries wait, for the metrics."""
    async with database.read() as connection:
        room.tools.figures.waiting = await tables.count_open(connection, most=MOST_COUNTED)
