"""Logs that are read on from where the last look ended: the gateway's calls, and how tickets ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cluster_ai.core.db import Database
from cluster_ai.slo import bucket_tables
from cluster_ai.slo.given import Calls
from cluster_ai.slo.judging import Happened, of_call
from cluster_ai.slo.types import Source

TOGETHER: Final = 2000
"""Rows read at a time."""
_GOOD: Final = "ticket.completed"
_BAD: Final = ("ticket.failed", "ticket.dead_lettered")


@dataclass(frozen=True, slots=True)
class News:
    """What a log says since the last time. ``upto`` is how far it was read, None when nothing is new.

    ``more``: there is more than was read.
    """

    source: Source
    happened: tuple[Happened, ...] = ()
    upto: int | None = None
    more: bool = False


@dataclass(slots=True)
class Bound:
    """How far a log may be read.

    Several processes write at once, and on PostgreSQL a lower number can be committed after a higher one: what was the
    newest at the last look is settled by now. SQLite has one writer.
    """

    at_once: bool
    _before: int | None = field(default=None)

    def of(self, newest: int) -> int | None:
        found, self._before = newest if self.at_once else self._before, newest
        return found


class CallLog:
    """The gateway's."""

    def __init__(self, database: Database, calls: Calls) -> None:
        self._database = database
        self._calls = calls
        self._bound = Bound(database.dialect == "sqlite")

    async def news(self) -> News:
        position = await _position(self._database, Source.GATEWAY)
        newest = await self._calls.newest()
        if position is None:
            # What came before anybody asked is nobody's promise.
            return News(Source.GATEWAY, upto=newest)
        upto = self._bound.of(newest)
        if upto is None or upto <= position:
            return News(Source.GATEWAY)
        found = await self._calls.after(position, upto=upto, limit=TOGETHER)
        more = len(found) == TOGETHER
        judged = tuple(one for one in map(of_call, found) if one is not None)
        return News(Source.GATEWAY, judged, found[-1].number if more else upto, more)


class TicketLog:
    """What the outbox says of tickets."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._bound = Bound(database.dialect == "sqlite")

    async def news(self) -> News:
        position = await _position(self._database, Source.TICKETS)
        async with self._database.read() as connection:
            newest = await bucket_tables.newest_event(connection)
            if position is None:
                return News(Source.TICKETS, upto=newest)
            upto = self._bound.of(newest)
            if upto is None or upto <= position:
                return News(Source.TICKETS)
            rows = await bucket_tables.ended_tickets(
                connection, (_GOOD, *_BAD), after=position, upto=upto, limit=TOGETHER
            )
        more = len(rows) == TOGETHER
        return News(Source.TICKETS, tuple(map(_ended, rows)), rows[-1]["number"] if more else upto, more)


def _ended(row: Mapping[str, Any]) -> Happened:
    data = row["data"]
    millis = data.get("actual_duration_ms")
    seconds = millis / 1000 if isinstance(millis, int | float) else None
    failed = row["type"] != _GOOD
    kind = str(data.get("task_type") or "")
    return Happened(Source.TICKETS, row["at"], kind=kind, failed=failed, erred=failed, ttft=seconds, total=seconds)


async def _position(database: Database, source: Source) -> int | None:
    async with database.read() as connection:
        return await bucket_tables.cursor(connection, source.value)
