"""The tail of what the parts log, from a level on."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import ClassVar, Final

from cluster_ai.client import AsyncClient, log_calls
from cluster_ai.logs.types import LogLine
from cluster_ai.tui.news_rows import LOG_COLUMNS, log_row, log_text
from cluster_ai.tui.rows import Column, Row
from cluster_ai.tui.screens.streaming import REMEMBERED, StreamScreen
from cluster_ai.tui.session import Session

LEVELS: Final = ("info", "warning", "error", "debug")
"""What ``f`` goes through; each with all that is worse."""


class LogsScreen(StreamScreen[LogLine]):
    """The last lines, then those that come."""

    NAME = "logs"
    COLUMNS: ClassVar[tuple[Column, ...]] = LOG_COLUMNS

    def __init__(self, session: Session, level: str = LEVELS[0]) -> None:
        super().__init__(session)
        self._level = level

    async def things(self, client: AsyncClient) -> AsyncGenerator[list[LogLine], None]:
        query = f"level:{self._level}"
        page = await client.send(log_calls.search(query, limit=REMEMBERED))
        self.seen.clear()
        yield list(reversed(page.items))
        last = max((line.number for line in page.items), default=0)
        lines = client.log_lines(query, after=last, on_trouble=lambda why, _: self.failed(why))
        async with aclosing(lines) as messages:
            async for message in messages:
                yield [LogLine.model_validate(message.data)]

    def row(self, thing: LogLine) -> Row:
        return log_row(thing)

    def whole(self, thing: LogLine) -> str:
        return log_text(thing)

    def summary(self) -> str:
        return self.session.t("logs.summary", count=len(self.seen), level=self._level)

    def anew(self) -> "LogsScreen":
        return LogsScreen(self.session, self._level)

    def narrow(self) -> None:
        self._level = LEVELS[(LEVELS.index(self._level) + 1) % len(LEVELS)]
        self.forget()
