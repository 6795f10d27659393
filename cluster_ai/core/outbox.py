"""Events that leave with the unit of work that made them, or not at all.

They are rows of one table, written in the same transaction as the change itself; who passes them on reads what was
not published yet and marks it. A program that is killed between the two passes them on again: at least once.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.batches import batches
from cluster_ai.core.db import Database
from cluster_ai.core.events import Event

metadata = sa.MetaData()
_SECONDS: sa.Double[float] = sa.Double()
_AT_ONCE: Final = 100
"""Rows a statement: between two of them the loop serves others."""

events = sa.Table(
    "events",
    metadata,
    # Ids of one millisecond have no order among themselves; what happened to one ticket must keep its own.
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(36), nullable=False, unique=True),
    sa.Column("type", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(128), nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("at", _SECONDS, nullable=False),
    sa.Column("published_at", _SECONDS, nullable=True),
    sa.Index(
        "events_unpublished",
        "number",
        sqlite_where=sa.text("published_at IS NULL"),
        postgresql_where=sa.text("published_at IS NULL"),
    ),
    sa.Index("events_by_publication", "published_at", "number"),
)

# Made once: they are asked for with every unit of work.
_ADD: Final = events.insert()
_UNPUBLISHED: Final = (
    select(events).where(events.c.published_at.is_(None)).order_by(events.c.number).limit(sa.bindparam("most"))
)
_MARK: Final = (
    events.update()
    .where(events.c.id.in_(sa.bindparam("which", expanding=True)))
    .values(published_at=sa.bindparam("now"))
)

Tell = Callable[[Event], None]
"""Passes an event on inside this process; never waits and never fails."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of work and what happened in it."""

    connection: AsyncConnection
    said: list[Event] = field(default_factory=list)

    def say(self, *happened: Event) -> None:
        """Tells it once the unit is durable."""
        self.said.extend(happened)


@asynccontextmanager
async def unit(database: Database, tell: Tell) -> AsyncIterator[Unit]:
    """A transaction whose events are stored with it, and told after the commit."""
    async with database.transaction() as connection:
        work = Unit(connection)
        yield work
        await add_all(connection, work.said)
    for event in work.said:
        tell(event)


async def add(connection: AsyncConnection, event: Event) -> None:
    """Stores one."""
    await add_all(connection, (event,))


async def add_all(connection: AsyncConnection, happened: Iterable[Event]) -> None:
    """Stores them in their order."""
    for rows in batches(happened, _AT_ONCE):
        await connection.execute(_ADD, [_values(event) for event in rows])


async def unpublished(connection: AsyncConnection, limit: int) -> tuple[Event, ...]:
    """What nobody passed on yet, the oldest first."""
    return tuple(_event(row) for row in await connection.execute(_UNPUBLISHED, {"most": limit}))


async def count_unpublished(connection: AsyncConnection, most: int) -> int:
    """How many wait, counted up to ``most``."""
    waiting = select(events.c.number).where(events.c.published_at.is_(None)).limit(most).subquery()
    return int(await connection.scalar(select(sa.func.count()).select_from(waiting)) or 0)


async def mark(connection: AsyncConnection, ids: Sequence[str], now: float) -> None:
    """Notes that these were passed on."""
    for some in batches(ids, _AT_ONCE):
        await connection.execute(_MARK, {"which": some, "now": now})


async def forget(connection: AsyncConnection, before: float, limit: int) -> int:
    """Drops up to ``limit`` that were published before then; answers how many."""
    old = select(events.c.number).where(events.c.published_at < before).order_by(events.c.published_at).limit(limit)
    done = await connection.execute(events.delete().where(events.c.number.in_(old.scalar_subquery())))
    return done.rowcount


def _values(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "type": event.type,
        "subject": event.subject[:128],
        "data": dict(event.data),
        "at": event.at,
        "published_at": None,
    }


def _event(row: Any) -> Event:
    return Event(row.id, row.type, row.subject, row.data, row.at)
