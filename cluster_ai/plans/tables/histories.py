"""What happened: the sealed history of each ticket, and its attempts."""

from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.batches import batches
from cluster_ai.plans.records import Attempt, Entry
from cluster_ai.plans.tables.rows import AT_ONCE
from cluster_ai.plans.tables.schema import attempts, entries

_ENTRY: Final = tuple(field.name for field in fields(Entry))


async def add_entries(connection: AsyncConnection, new: Iterable[Entry]) -> None:
    for some in batches(new, AT_ONCE):
        # asdict copies what it finds, at four times the price.
        await connection.execute(entries.insert(), [{name: getattr(entry, name) for name in _ENTRY} for entry in some])


async def history(connection: AsyncConnection, ticket_id: str) -> tuple[Entry, ...]:
    """The oldest first."""
    rows = await connection.execute(select(entries).where(entries.c.ticket_id == ticket_id).order_by(entries.c.seq))
    return tuple(Entry(**row) for row in rows.mappings())


async def add_attempt(connection: AsyncConnection, attempt: Attempt) -> None:
    await connection.execute(attempts.insert().values(asdict(attempt)))


async def attempt_started(connection: AsyncConnection, ticket_id: str, n: int, now: float) -> None:
    await connection.execute(_the(ticket_id, n).values(started_at=now))


async def attempt_ended(connection: AsyncConnection, ended: Attempt) -> None:
    """``outcome``, ``ended_at``, ``error_code``, ``error`` and ``cost_class`` of it."""
    names = ("outcome", "ended_at", "error_code", "error", "cost_class")
    values: dict[str, Any] = {name: getattr(ended, name) for name in names}
    await connection.execute(_the(ended.ticket_id, ended.n).values(values))


async def attempt(connection: AsyncConnection, ticket_id: str, n: int) -> Attempt | None:
    query = select(attempts).where(attempts.c.ticket_id == ticket_id, attempts.c.n == n)
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else Attempt(**row)


async def attempts_of(connection: AsyncConnection, ticket_id: str) -> tuple[Attempt, ...]:
    rows = await connection.execute(select(attempts).where(attempts.c.ticket_id == ticket_id).order_by(attempts.c.n))
    return tuple(Attempt(**row) for row in rows.mappings())


def _the(ticket_id: str, n: int) -> sa.Update:
    return attempts.update().where(attempts.c.ticket_id == ticket_id, attempts.c.n == n)
