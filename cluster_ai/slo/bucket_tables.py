"""SQL of what happened: minutes and hours of each objective. Every function takes the connection of a unit of work."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.outbox import events
from cluster_ai.slo.burn import Tally
from cluster_ai.slo.schema import buckets, cursors
from cluster_ai.slo.types import HOUR, MINUTE, Budgeting, Objective
from cluster_ai.slo.windows import MINUTES_KEPT, Span, floor

Added = Mapping[tuple[str, int], Tally]
"""By objective and minute."""
_AT_ONCE: Final = 200
"""Rows of one statement: SQLite takes 32,766 parameters."""


def _insert(connection: AsyncConnection, table: sa.Table) -> Any:
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


async def add(connection: AsyncConnection, added: Added) -> None:
    """Counts more events in their minutes."""
    await _upsert(
        connection, added, lambda new: {"good": buckets.c.good + new.good, "valid": buckets.c.valid + new.valid}
    )


async def put(connection: AsyncConnection, told: Added) -> None:
    """Minutes as somebody else has counted them."""
    await _upsert(connection, told, lambda new: {"good": new.good, "valid": new.valid})


async def _upsert(connection: AsyncConnection, added: Added, change: Any) -> None:
    # In a fixed order: two writers then never wait for each other in a circle.
    rows = [
        {"slo_id": slo_id, "width_s": MINUTE, "start_at": minute, "good": one.good, "valid": one.valid}
        for (slo_id, minute), one in sorted(added.items())
    ]
    for some in (rows[at : at + _AT_ONCE] for at in range(0, len(rows), _AT_ONCE)):
        insert = _insert(connection, buckets).values(some)
        await connection.execute(
            insert.on_conflict_do_update(index_elements=["slo_id", "width_s", "start_at"], set_=change(insert.excluded))
        )


async def sum_hours(connection: AsyncConnection, objectives: Mapping[str, Objective], minutes: Added) -> None:
    """Makes the hours of these minutes anew from all of their minutes."""
    hours = sorted({(slo_id, floor(minute, HOUR)) for slo_id, minute in minutes if slo_id in objectives})
    for slo_id, hour in hours:
        found = await _sum(connection, objectives[slo_id], [slo_id], Span(MINUTE, hour, hour + HOUR))
        if (tally := found.get(slo_id)) is None:
            continue
        insert = _insert(connection, buckets).values(
            slo_id=slo_id, width_s=HOUR, start_at=hour, good=tally.good, valid=tally.valid
        )
        values = {"good": insert.excluded.good, "valid": insert.excluded.valid}
        await connection.execute(
            insert.on_conflict_do_update(index_elements=["slo_id", "width_s", "start_at"], set_=values)
        )


async def sum_all_hours(connection: AsyncConnection, slo_id: str, objective: Objective, now: float) -> None:
    """The same for every hour of which the minutes are kept."""
    until = floor(now, HOUR) + HOUR
    hours = {(slo_id, hour): Tally() for hour in range(until - MINUTES_KEPT, until, HOUR)}
    await sum_hours(connection, {slo_id: objective}, hours)


async def sums(
    connection: AsyncConnection, alike: Objective, slo_ids: Sequence[str], spans: Iterable[Span]
) -> dict[str, dict[Span, Tally]]:
    """Each span's sum for each of these objectives, which count their budgets as ``alike`` does."""
    found: dict[str, dict[Span, Tally]] = {slo_id: {} for slo_id in slo_ids}
    for span in spans:
        for slo_id, tally in (await _sum(connection, alike, slo_ids, span)).items():
            found[slo_id][span] = tally
    return found


async def _sum(connection: AsyncConnection, alike: Objective, slo_ids: Sequence[str], span: Span) -> dict[str, Tally]:
    good, valid = _units(alike) if span.width == MINUTE else (buckets.c.good, buckets.c.valid)
    query = (
        select(buckets.c.slo_id, func.sum(good), func.sum(valid))
        .where(
            buckets.c.slo_id.in_(slo_ids),
            buckets.c.width_s == span.width,
            buckets.c.start_at >= span.since,
            buckets.c.start_at < span.until,
        )
        .group_by(buckets.c.slo_id)
    )
    return {row[0]: Tally(float(row[1]), float(row[2])) for row in await connection.execute(query) if row[2]}


def _units(objective: Objective) -> tuple[Any, Any]:
    """What a minute adds to the budget's account: its events, or itself."""
    good, valid = buckets.c.good, buckets.c.valid
    if objective.budgeting is Budgeting.OCCURRENCES:
        return good, valid
    happened = sa.case((valid > 0, 1.0), else_=0.0)
    if objective.budgeting is Budgeting.TIMESLICES:
        return sa.case((sa.and_(valid > 0, good >= objective.slice_target * valid), 1.0), else_=0.0), happened
    return sa.case((valid > 0, good / valid), else_=0.0), happened


async def last_minute(connection: AsyncConnection, slo_id: str) -> int | None:
    """The newest minute of which anything is known."""
    query = select(func.max(buckets.c.start_at)).where(buckets.c.slo_id == slo_id, buckets.c.width_s == MINUTE)
    found: int | None = await connection.scalar(query)
    return found


async def remove(connection: AsyncConnection, slo_id: str) -> None:
    await connection.execute(buckets.delete().where(buckets.c.slo_id == slo_id))


async def forget(connection: AsyncConnection, slo_ids: Sequence[str], *, width: int, before: int) -> int:
    """Drops what nobody asks for any more."""
    old = buckets.delete().where(buckets.c.slo_id.in_(slo_ids), buckets.c.width_s == width, buckets.c.start_at < before)
    return (await connection.execute(old)).rowcount


async def cursor(connection: AsyncConnection, source: str) -> int | None:
    """How far a source has been read."""
    found: int | None = await connection.scalar(select(cursors.c.position).where(cursors.c.source == source))
    return found


async def move(connection: AsyncConnection, source: str, position: int) -> None:
    insert = _insert(connection, cursors).values(source=source, position=position)
    await connection.execute(
        insert.on_conflict_do_update(index_elements=["source"], set_={"position": insert.excluded.position})
    )


async def newest_event(connection: AsyncConnection) -> int:
    """The number of the last event of any room; 0 when there is none."""
    found: int | None = await connection.scalar(select(func.max(events.c.number)))
    return found or 0


async def ended_tickets(
    connection: AsyncConnection, types: Sequence[str], *, after: int, upto: int, limit: int
) -> tuple[Mapping[str, Any], ...]:
    """Events of these types with a number in (``after``, ``upto``], the oldest first."""
    query = (
        select(events.c.number, events.c.type, events.c.at, events.c.data)
        .where(events.c.number > after, events.c.number <= upto, events.c.type.in_(types))
        .order_by(events.c.number)
        .limit(limit)
    )
    return tuple(dict(row) for row in (await connection.execute(query)).mappings())
