"""What happened: the sealed history of each ticket, and its attempts."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Final

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.batches import batches
from cluster_ai.plans.records import Attempt, Entry
from cluster_ai.plans.tables.rows import AT_ONCE
from cluster_ai.plans.tables.schema import attempts, entries

_ENTRY: Final = tuple(field.name for field in fields(Entry))
_ATTEMPT: Final = tuple(field.name for field in fields(Attempt))
_MANY: Final = (
    select(entries)
    .where(entries.c.ticket_id.in_(sa.bindparam("which", expanding=True)))
    .order_by(entries.c.ticket_id, entries.c.seq)
)
_ADD_ENTRY: Final = entries.insert()
_ADD_ATTEMPT: Final = attempts.insert()
_END: Final = ("outcome", "ended_at", "error_code", "error", "cost_class")
_THE: Final = (attempts.c.ticket_id == sa.bindparam("which")) & (attempts.c.n == sa.bindparam("number"))
_START: Final = attempts.update().where(_THE).values(started_at=sa.bindparam("new_started_at"))
_ENDED: Final = attempts.update().where(_THE).values({name: sa.bindparam(f"new_{name}") for name in _END})


async def add_entries(connection: AsyncConnection, new: Iterable[Entry]) -> None:
    for some in batches(new, AT_ONCE):
        # asdict copies what it finds, at four times the price.
        await connection.execute(_ADD_ENTRY, [{name: getattr(entry, name) for name in _ENTRY} for entry in some])


async def history(connection: AsyncConnection, ticket_id: str) -> tuple[Entry, ...]:
    """The oldest first."""
    rows = await connection.execute(select(entries).where(entries.c.ticket_id == ticket_id).order_by(entries.c.seq))
    return tuple(Entry(**row) for row in rows.mappings())


async def histories_of(connection: AsyncConnection, ids: Iterable[str]) -> dict[str, tuple[Entry, ...]]:
    """By ticket; the oldest first."""
    found: dict[str, list[Entry]] = {}
    for some in batches(ids, AT_ONCE):
        for row in (await connection.execute(_MANY, {"which": some})).mappings():
            found.setdefault(row["ticket_id"], []).append(Entry(**row))
    return {ticket_id: tuple(links) for ticket_id, links in found.items()}


async def add_attempts(connection: AsyncConnection, new: Iterable[Attempt]) -> None:
    for some in batches(new, AT_ONCE):
        rows = [{name: getattr(attempt, name) for name in _ATTEMPT} for attempt in some]
        await connection.execute(_ADD_ATTEMPT, rows)


async def attempts_started(connection: AsyncConnection, began: Iterable[tuple[str, int]], now: float) -> None:
    """``began``: (ticket, number of the attempt)."""
    for some in batches(began, AT_ONCE):
        await connection.execute(_START, [{"which": one, "number": n, "new_started_at": now} for one, n in some])


async def attempts_ended(connection: AsyncConnection, ended: Iterable[Attempt]) -> None:
    """``outcome``, ``ended_at``, ``error_code``, ``error`` and ``cost_class`` of each."""
    for some in batches(ended, AT_ONCE):
        rows = [
            {"which": one.ticket_id, "number": one.n} | {f"new_{name}": getattr(one, name) for name in _END}
            for one in some
        ]
        await connection.execute(_ENDED, rows)


async def attempt(connection: AsyncConnection, ticket_id: str, n: int) -> Attempt | None:
    query = select(attempts).where(attempts.c.ticket_id == ticket_id, attempts.c.n == n)
    row = (await connection.execute(query)).mappings().first()
    return None if row is None else Attempt(**row)


async def attempts_of(connection: AsyncConnection, ticket_id: str) -> tuple[Attempt, ...]:
    rows = await connection.execute(select(attempts).where(attempts.c.ticket_id == ticket_id).order_by(attempts.c.n))
    return tuple(Attempt(**row) for row in rows.mappings())
