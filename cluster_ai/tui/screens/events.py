"""What happens, as it happens."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import ClassVar, Final

from cluster_ai.client import AsyncClient
from cluster_ai.core.errors import Forbidden
from cluster_ai.tui.feed import POLICY
from cluster_ai.tui.news_rows import EVENT_COLUMNS, Happened, event_row, event_text, happened
from cluster_ai.tui.rows import Column, Row
from cluster_ai.tui.screens.streaming import StreamScreen
from cluster_ai.tui.session import Session

ALL: Final = ("events", "plan", "ticket")
OPEN: Final = ("events",)
"""For those who may not list plans."""


class EventsScreen(StreamScreen[Happened]):
    """Of the cluster, and of the plans and tickets that one may see; the API remembers the last ones."""

    NAME = "events"
    COLUMNS: ClassVar[tuple[Column, ...]] = EVENT_COLUMNS

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._last = 0

    async def things(self, client: AsyncClient) -> AsyncGenerator[list[Happened], None]:
        yield []
        try:
            async for event in self._of(client, ALL):
                yield [event]
        except Forbidden:
            async for event in self._of(client, OPEN):
                yield [event]

    async def _of(self, client: AsyncClient, topics: tuple[str, ...]) -> AsyncGenerator[Happened, None]:
        live = client.live(*topics, after=self._last, reconnect=POLICY, on_trouble=lambda why, _: self.failed(why))
        async with aclosing(live) as messages:
            async for message in messages:
                self._last = message.number
                if message.topic in topics:
                    yield happened(message)

    def row(self, thing: Happened) -> Row:
        return event_row(thing)

    def whole(self, thing: Happened) -> str:
        return event_text(thing)

    def summary(self) -> str:
        return self.session.t("events.summary", count=len(self.seen))
