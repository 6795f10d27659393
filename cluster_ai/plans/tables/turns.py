"""What a dispatcher reads of tickets: the few columns that turns and places depend on, never what a ticket carries."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.batches import batches
from cluster_ai.plans.tables.rows import AT_ONCE
from cluster_ai.plans.tables.schema import attempts, entries, plans, tickets
from cluster_ai.plans.words import OPEN, TicketState

MOST_OWNERS: Final = 200
_ASKED: Final = (
    tickets.c.ticket_id,
    tickets.c.plan_id,
    tickets.c.owner,
    tickets.c.task_type,
    tickets.c.status,
    tickets.c.priority_score,
    tickets.c.sla_deadline,
    tickets.c.created_at,
    tickets.c.ready_at,
    tickets.c.estimated_duration_ms,
    tickets.c.required_capabilities,
    tickets.c.resources,
    tickets.c.metadata,
    tickets.c.losses,
    tickets.c.attempt,
    tickets.c.level,
    tickets.c.idempotent,
    tickets.c.qos_delivery_mode,
    tickets.c.sla_timeout_ms,
)
_FLYING: Final = (
    tickets.c.ticket_id,
    tickets.c.plan_id,
    tickets.c.attempt,
    tickets.c.owner,
    tickets.c.task_type,
    tickets.c.status,
    tickets.c.allocated_agent_id,
    tickets.c.resources,
    tickets.c.begun,
    tickets.c.begun_at,
    tickets.c.lease_until,
    tickets.c.sla_timeout_ms,
    tickets.c.progress,
    tickets.c.updated_at,
)


@dataclass(frozen=True, slots=True)
class Flight:
    """An attempt that holds a lease. Times in Unix seconds."""

    ticket_id: str
    plan_id: str
    attempt: int
    owner: str
    kind: str
    status: str
    worker: str
    resources: Mapping[str, float]
    begun: bool
    begun_at: float | None
    lease_until: float
    timeout: float
    """Seconds that the attempt may take once it has begun."""
    progress: float
    updated_at: float


def flights_query() -> sa.Select[Any]:
    return select(*_FLYING).where(tickets.c.lease_until.is_not(None)).order_by(tickets.c.ticket_id)


async def flights(connection: AsyncConnection) -> tuple[Flight, ...]:
    """Every attempt that holds a lease; as many as there are places, and a few that ended a moment ago."""
    return tuple(_flight(row) for row in await connection.execute(flights_query()))


def by_score_query(limit: int) -> sa.Select[Any]:
    by_score = (tickets.c.priority_score.desc(), tickets.c.ready_at, tickets.c.ticket_id)
    return select(*_ASKED).where(tickets.c.queued == 1).order_by(*by_score).limit(limit)


def of_owner_query(owner: str, limit: int, *, by_age: bool) -> sa.Select[Any]:
    mine = select(*_ASKED).where(tickets.c.queued == 1, tickets.c.owner == owner).limit(limit)
    if by_age:
        return mine.order_by(tickets.c.ready_at, tickets.c.ticket_id)
    return mine.order_by(tickets.c.priority_score.desc(), tickets.c.ready_at, tickets.c.ticket_id)


def next_owner_query(after: str) -> sa.Select[Any]:
    return select(sa.func.min(tickets.c.owner)).where(tickets.c.queued == 1, tickets.c.owner > after)


async def waiting(connection: AsyncConnection, each: int) -> tuple[Any, ...]:
    """Rows of what may be leased: all of it, or of each owner the ``each`` best and the ``each`` oldest."""
    rows = {row.ticket_id: row for row in await connection.execute(by_score_query(each))}
    if len(rows) < each:
        return tuple(rows.values())
    owner: str | None = ""
    for _ in range(MOST_OWNERS):
        owner = await connection.scalar(next_owner_query(owner or ""))
        if owner is None:
            break
        for by_age in await _orders(connection, owner, rows.values()):
            found = await connection.execute(of_owner_query(owner, each, by_age=by_age))
            rows |= {row.ticket_id: row for row in found}
    return tuple(rows.values())


def lowest_query(owner: str) -> sa.Select[Any]:
    return select(sa.func.min(tickets.c.priority_score)).where(tickets.c.queued == 1, tickets.c.owner == owner)


async def _orders(connection: AsyncConnection, owner: str, best: Collection[Any]) -> tuple[bool, ...]:
    """What is still to be read of an owner: by score and by age; the ``best`` of all were read already.

    Where all of them are this owner's they are the owner's best, too; and where nothing of the owner's has another
    score, the oldest as well.
    """
    if any(row.owner != owner for row in best):
        return (False, True)
    scores = {row.priority_score for row in best}
    return () if scores == {await connection.scalar(lowest_query(owner))} else (True,)


def of_kinds_query(kinds: Iterable[str], limit: int) -> sa.Select[Any]:
    ready = (tickets.c.status == TicketState.READY.value) & (tickets.c.queued == 1)
    return (
        select(*_ASKED).where(ready, tickets.c.task_type.in_(tuple(kinds))).order_by(tickets.c.ticket_id).limit(limit)
    )


async def of_kinds(connection: AsyncConnection, kinds: Iterable[str], limit: int) -> tuple[Any, ...]:
    """Rows of what of these kinds may be leased and has not been, the oldest first."""
    return tuple(await connection.execute(of_kinds_query(kinds, limit)))


async def parameters_of(connection: AsyncConnection, ticket_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """What these tickets were asked to do."""
    found: dict[str, dict[str, Any]] = {}
    for some in batches(ticket_ids, AT_ONCE):
        query = select(tickets.c.ticket_id, tickets.c.parameters).where(tickets.c.ticket_id.in_(some))
        found |= {row.ticket_id: row.parameters for row in await connection.execute(query)}
    return found


async def workers_of(connection: AsyncConnection, ticket_ids: Iterable[str]) -> dict[str, str]:
    """By ticket: the worker that had it last."""
    found: dict[str, str] = {}
    for some in batches(ticket_ids, AT_ONCE):
        query = select(tickets.c.ticket_id, tickets.c.allocated_agent_id).where(tickets.c.ticket_id.in_(some))
        found |= {row.ticket_id: row.allocated_agent_id for row in await connection.execute(query)}
    return found


async def ends_of(connection: AsyncConnection, plan_ids: Iterable[str]) -> dict[str, float]:
    """When the time of these plans is over, of those that have an end."""
    ends: dict[str, float] = {}
    for some in batches(plan_ids, AT_ONCE):
        query = select(plans.c.plan_id, plans.c.deadline).where(plans.c.plan_id.in_(some))
        rows = await connection.execute(query.where(plans.c.deadline.is_not(None)))
        ends |= {row.plan_id: float(row.deadline) for row in rows}
    return ends


async def approved(connection: AsyncConnection, ticket_ids: Iterable[str]) -> frozenset[str]:
    """Those that somebody has let go on after they were held."""
    found: set[str] = set()
    for some in batches(ticket_ids, AT_ONCE):
        query = select(entries.c.ticket_id).where(entries.c.ticket_id.in_(some), entries.c.from_state == "frozen")
        found |= set((await connection.execute(query)).scalars())
    return frozenset(found)


async def lost_with(connection: AsyncConnection, ticket_ids: Iterable[str]) -> dict[str, frozenset[str]]:
    """By ticket: the workers that were lost with an attempt at it."""
    found: dict[str, set[str]] = {}
    for some in batches(ticket_ids, AT_ONCE):
        query = select(attempts.c.ticket_id, attempts.c.agent_id).where(attempts.c.ticket_id.in_(some))
        for row in await connection.execute(query.where(attempts.c.outcome == "lost")):
            found.setdefault(row.ticket_id, set()).add(row.agent_id)
    return {ticket_id: frozenset(workers) for ticket_id, workers in found.items()}


async def span_of(connection: AsyncConnection, plan_id: str) -> tuple[float | None, float | None]:
    """When the first attempt of a plan was leased, and when the last one ended."""
    of = select(sa.func.min(attempts.c.leased_at), sa.func.max(attempts.c.ended_at))
    joined = of.join(tickets, tickets.c.ticket_id == attempts.c.ticket_id).where(tickets.c.plan_id == plan_id)
    row = (await connection.execute(joined)).one()
    return row[0], row[1]


def late_query(plan_id: str) -> sa.Select[Any]:
    late = (tickets.c.plan_id == plan_id) & (tickets.c.completed_at > tickets.c.sla_deadline)
    return select(sa.func.count()).select_from(tickets).where(late)


async def late_of(connection: AsyncConnection, plan_id: str) -> int:
    """How many tickets of a plan ended after the deadline of their service level."""
    return int(await connection.scalar(late_query(plan_id)) or 0)


def counts_queries() -> tuple[sa.Select[Any], ...]:
    """Of the states that are not an end, each by its own walk along the index."""
    of = select(sa.func.count()).select_from(tickets)
    return tuple(of.where(tickets.c.status == state.value) for state in OPEN)


async def counts(connection: AsyncConnection) -> dict[str, int]:
    """Tickets that have not ended, by state."""
    found = zip(OPEN, counts_queries(), strict=True)
    return {state.value: int(await connection.scalar(query) or 0) for state, query in found}


def spent_query(since: float) -> sa.Select[Any]:
    took = sa.func.sum(tickets.c.actual_duration_ms).label("took")
    late = tickets.c.completed_at.is_not(None) & (tickets.c.completed_at >= since)
    return select(tickets.c.owner, took).where(late).group_by(tickets.c.owner)


async def spent(connection: AsyncConnection, since: float) -> dict[str, float]:
    """By owner: seconds of work that ended since then."""
    return {row.owner: float(row.took or 0) / 1000 for row in await connection.execute(spent_query(since))}


def _flight(row: Any) -> Flight:
    return Flight(
        ticket_id=row.ticket_id,
        plan_id=row.plan_id,
        attempt=row.attempt,
        owner=row.owner,
        kind=row.task_type,
        status=row.status,
        worker=row.allocated_agent_id,
        resources=row.resources,
        begun=bool(row.begun),
        begun_at=row.begun_at,
        lease_until=row.lease_until,
        timeout=row.sla_timeout_ms / 1000,
        progress=row.progress,
        updated_at=row.updated_at,
    )
