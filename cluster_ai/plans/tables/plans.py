"""Plans: stored, locked, listed, dropped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.plans.records import Plan
from cluster_ai.plans.tables.rows import plan_of, plan_values
from cluster_ai.plans.tables.schema import deps, paused_kinds, plans, tickets


@dataclass(frozen=True, slots=True)
class Ended:
    """A plan that has ended."""

    status: str
    created_at: float
    finished_at: float


async def add_plan(connection: AsyncConnection, plan: Plan) -> None:
    await connection.execute(plans.insert().values(plan_values(plan)))


async def plan(connection: AsyncConnection, plan_id: str, *, hold: bool = False) -> Plan | None:
    """``hold``: nobody else changes it, or any ticket of it, until the unit of work ends."""
    found = await _plans(connection, select(plans).where(plans.c.plan_id == plan_id), hold=hold)
    return found[0] if found else None


async def plan_of_key(connection: AsyncConnection, owner: str, key: str) -> Plan | None:
    found = await _plans(connection, select(plans).where(plans.c.owner == owner, plans.c.idempotency_key == key))
    return found[0] if found else None


async def forget_key(connection: AsyncConnection, plan_id: str) -> None:
    await connection.execute(plans.update().where(plans.c.plan_id == plan_id).values(idempotency_key=None))


async def forget_keys(connection: AsyncConnection, before: float) -> None:
    """Idempotency keys of plans that came before then mean nothing any more."""
    old = plans.c.idempotency_key.is_not(None) & (plans.c.created_at < before)
    await connection.execute(plans.update().where(old).values(idempotency_key=None))


def page_query(*, owner: str | None, status: str | None, before: str | None, limit: int) -> sa.Select[Any]:
    """The newest first."""
    query = select(plans).order_by(plans.c.plan_id.desc()).limit(limit)
    for column, wanted in ((plans.c.owner, owner), (plans.c.status, status)):
        if wanted is not None:
            query = query.where(column == wanted)
    return query if before is None else query.where(plans.c.plan_id < before)


async def page(
    connection: AsyncConnection, *, owner: str | None, status: str | None, before: str | None, limit: int
) -> tuple[Plan, ...]:
    return tuple(
        await _plans(connection, page_query(owner=owner, status=status, before=before, limit=limit))
    )  # fmt: skip


def names_query(ids: Iterable[str]) -> sa.Select[Any]:
    return select(plans.c.plan_id, plans.c.name).where(plans.c.plan_id.in_(sorted(ids)))


async def names_of(connection: AsyncConnection, ids: Iterable[str]) -> dict[str, str]:
    """What these plans are called, by id."""
    return {row.plan_id: row.name for row in await connection.execute(names_query(ids))}


def overdue_query(now: float, limit: int) -> sa.Select[Any]:
    late = plans.c.deadline.is_not(None) & plans.c.finished_at.is_(None) & (plans.c.deadline <= now)
    return select(plans.c.plan_id).where(late).order_by(plans.c.deadline).limit(limit)


async def overdue(connection: AsyncConnection, now: float, limit: int) -> tuple[str, ...]:
    """Ids of plans whose deadline has passed and that have not ended."""
    return tuple((await connection.execute(overdue_query(now, limit))).scalars())


def old_query(before: float, limit: int) -> sa.Select[Any]:
    ended = plans.c.finished_at.is_not(None) & (plans.c.finished_at < before)
    return select(plans.c.plan_id).where(ended).order_by(plans.c.finished_at).limit(limit)


async def old(connection: AsyncConnection, before: float, limit: int) -> tuple[str, ...]:
    """Ids of plans that ended before then."""
    return tuple((await connection.execute(old_query(before, limit))).scalars())


async def drop(connection: AsyncConnection, plan_id: str) -> None:
    """Removes a plan with all that belongs to it."""
    # Edges first, by hand: their other end has no key that would take them along.
    of_plan = select(tickets.c.ticket_id).where(tickets.c.plan_id == plan_id)
    await connection.execute(deps.delete().where(deps.c.ticket_id.in_(of_plan)))
    await connection.execute(tickets.delete().where(tickets.c.plan_id == plan_id))
    await connection.execute(plans.delete().where(plans.c.plan_id == plan_id))


def ended_query(since: float, limit: int) -> sa.Select[Any]:
    query = select(plans.c.status, plans.c.created_at, plans.c.finished_at)
    ended = plans.c.finished_at.is_not(None) & (plans.c.finished_at >= since)
    return query.where(ended).order_by(plans.c.finished_at.desc()).limit(limit)


async def ended_since(connection: AsyncConnection, since: float, limit: int) -> tuple[Ended, ...]:
    rows = await connection.execute(ended_query(since, limit))
    return tuple(Ended(row.status, row.created_at, row.finished_at) for row in rows)


def active_query(states: Sequence[str]) -> sa.Select[Any]:
    return select(sa.func.count()).select_from(plans).where(plans.c.status.in_(states))


async def count_of(connection: AsyncConnection, states: Sequence[str]) -> int:
    return int(await connection.scalar(active_query(states)) or 0)


# -- kinds of work that are paused


async def paused(connection: AsyncConnection) -> dict[str, str]:
    """Kinds of work that are paused, with who did it."""
    return {row.task_type: row.by for row in await connection.execute(select(paused_kinds))}


async def pause_kind(connection: AsyncConnection, kind: str, *, by: str, now: float) -> None:
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(paused_kinds)
    await connection.execute(insert.values(task_type=kind, by=by, at=now).on_conflict_do_nothing())


async def resume_kind(connection: AsyncConnection, kind: str) -> None:
    await connection.execute(paused_kinds.delete().where(paused_kinds.c.task_type == kind))


async def _plans(connection: AsyncConnection, query: sa.Select[Any], *, hold: bool = False) -> list[Plan]:
    found = await connection.execute(query.with_for_update() if hold else query)
    return [plan_of(row) for row in found.mappings()]
