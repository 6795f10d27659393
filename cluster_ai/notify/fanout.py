"""Events from the outbox made into deliveries: one for each event and endpoint, however often it is tried."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core import outbox
from cluster_ai.core.db import Database
from cluster_ai.core.events import Event
from cluster_ai.notify import forms, tables
from cluster_ai.notify.chance import Chance
from cluster_ai.notify.figures import Figures
from cluster_ai.notify.patterns import matches
from cluster_ai.notify.records import Delivery, Endpoint

AT_ONCE: Final = 200


Own = Callable[[AsyncConnection, Sequence[Event]], Awaitable[list[Delivery]]]
"""The deliveries to addresses that events name themselves."""


class Fanout:
    """``tick`` passes on what was not passed on yet."""

    def __init__(self, database: Database, *, chance: Chance, figures: Figures, own: Own) -> None:
        self._database = database
        self._chance = chance
        self._figures = figures
        self._own = own

    async def tick(self) -> int:
        """Passes on everything that waits; answers how many deliveries were made."""
        made = 0
        while True:
            # Looked at first without a turn of the one writer: mostly there is nothing.
            async with self._database.read() as connection:
                if not await outbox.unpublished(connection, 1):
                    return made
            made += await self._pass_on()

    async def _pass_on(self) -> int:
        now = self._chance.now()
        async with self._database.transaction() as connection:
            happened = await outbox.unpublished(connection, AT_ONCE)
            made = await self.queue(connection, happened)
            await outbox.mark(connection, [event.id for event in happened], now)
        self._figures.enqueued += made
        return made

    async def queue(self, connection: AsyncConnection, happened: Sequence[Event]) -> int:
        """Makes the deliveries of these events in the caller's unit of work; answers how many."""
        if not happened:
            return 0
        enabled = [endpoint for endpoint in await tables.all_endpoints(connection) if endpoint.enabled]
        wanted = [*self._wanted(happened, enabled), *await self._own(connection, happened)]
        await tables.add_deliveries(connection, wanted)
        return len(wanted)

    def _wanted(self, happened: Iterable[Event], enabled: Sequence[Endpoint]) -> Iterator[Delivery]:
        now = self._chance.now()
        for event in happened:
            for endpoint in enabled:
                if matches(endpoint.events, event.type):
                    yield forms.delivery_of(event, endpoint.id, delivery_id=self._chance.new_id(), now=now)
