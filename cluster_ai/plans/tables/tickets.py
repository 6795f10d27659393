"""Tickets: stored, locked, queued, looked after, listed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.batches import batches
from cluster_ai.plans.records import Plan, Ticket
from cluster_ai.plans.tables.rows import AT_ONCE, plan_of, ticket_of, ticket_values
from cluster_ai.plans.tables.schema import deps, paused_kinds, plans, tickets
from cluster_ai.plans.words import OPEN, TicketState

_OPEN = tuple(state.value for state in OPEN)
# Made once, for what is asked for with every report.
_ONE = select(tickets).where(tickets.c.ticket_id == sa.bindparam("which"))
_HELD = _ONE.with_for_update()
_MANY = select(tickets).where(tickets.c.ticket_id.in_(sa.bindparam("which", expanding=True)))
_FREE = _MANY.with_for_update(skip_locked=True)
_SOME = _MANY.order_by(tickets.c.ordinal)
_SOME_HELD = _SOME.with_for_update()
_PAUSED_KINDS = select(paused_kinds.c.task_type)
_PAUSED = select(plans.c.plan_id).where(plans.c.plan_id.in_(sa.bindparam("which", expanding=True)), plans.c.paused)
# A statement that returns something goes as one for many rows: on PostgreSQL in two fifths of the time, narrow as they
# are; of rows with forty columns it makes a statement that takes three times as long.
_ADD_EDGE = deps.insert().returning(deps.c.ticket_id)
_ITS_PLAN = select(plans).where(plans.c.plan_id == sa.bindparam("which")).with_for_update()


async def add_tickets(connection: AsyncConnection, new: Iterable[Ticket]) -> None:
    for some in batches(new, AT_ONCE):
        await connection.execute(tickets.insert(), [ticket_values(ticket) for ticket in some])


async def add_edges(connection: AsyncConnection, edges: Iterable[tuple[str, str]]) -> None:
    """(ticket, ticket that it depends on)."""
    for some in batches(edges, AT_ONCE):
        await connection.execute(_ADD_EDGE, [{"ticket_id": one, "depends_on": other} for one, other in some])


async def ticket(connection: AsyncConnection, ticket_id: str, *, hold: bool = False) -> Ticket | None:
    """``hold``: nobody else changes it until the unit of work ends. Whoever holds plans, too, holds the plan first."""
    row = (await connection.execute(_HELD if hold else _ONE, {"which": ticket_id})).mappings().first()
    return None if row is None else ticket_of(row)


async def free_tickets(connection: AsyncConnection, ids: Iterable[str]) -> dict[str, Ticket]:
    """Those of them that nobody else holds, held, by id."""
    found: dict[str, Ticket] = {}
    for some in batches(ids, AT_ONCE):
        rows = await connection.execute(_FREE, {"which": some})
        found |= {row["ticket_id"]: ticket_of(row) for row in rows.mappings()}
    return found


async def with_plan(connection: AsyncConnection, ticket_id: str) -> tuple[Plan | None, Ticket | None]:
    """A ticket and its plan, both held, the plan first."""
    plan, found = await many_with_plan(connection, (ticket_id,))
    return plan, found.get(ticket_id)


async def many_with_plan(connection: AsyncConnection, ids: Sequence[str]) -> tuple[Plan | None, dict[str, Ticket]]:
    """A plan, and those of its tickets that are among ``ids``, by id; all held, the plan first. None: nobody knows
    any of them.
    """
    some = await _by_id(connection, ids)
    if not some:
        return None, {}
    plan_id = next(some[one].plan_id for one in ids if one in some)
    row = (await connection.execute(_ITS_PLAN, {"which": plan_id})).mappings().first()
    mine = {one: found for one, found in some.items() if found.plan_id == plan_id}
    if row is None:
        # Dropped with all of its tickets since they were read. Those of other plans are still asked for.
        return await many_with_plan(connection, [one for one in ids if one not in mine])
    if connection.dialect.name == "postgresql":
        # Read before they were held. SQLite has one writer, and that is this one.
        mine = await _by_id(connection, sorted(mine), hold=True)
    return plan_of(row), mine


async def _by_id(connection: AsyncConnection, ids: Sequence[str], *, hold: bool = False) -> dict[str, Ticket]:
    if len(ids) == 1:
        found = await ticket(connection, ids[0], hold=hold)
        return {} if found is None else {found.ticket_id: found}
    return {found.ticket_id: found for found in await by_ids(connection, ids, hold=hold)}


async def stopped(connection: AsyncConnection, some: Iterable[Ticket]) -> frozenset[str]:
    """Those whose plan or kind of work is paused."""
    known = tuple(some)
    kinds = frozenset((await connection.execute(_PAUSED_KINDS)).scalars())
    resting: set[str] = set()
    for of in batches({ticket.plan_id for ticket in known}, AT_ONCE):
        resting |= set((await connection.execute(_PAUSED, {"which": of})).scalars())
    return frozenset(one.ticket_id for one in known if one.plan_id in resting or one.task_type in kinds)


async def of_plan(
    connection: AsyncConnection, plan_id: str, *, states: Sequence[TicketState] | None = None, hold: bool = False
) -> list[Ticket]:
    """In an order in which nothing comes before what it depends on."""
    query = select(tickets).where(tickets.c.plan_id == plan_id).order_by(tickets.c.ordinal)
    if states is not None:
        query = query.where(tickets.c.status.in_([state.value for state in states]))
    return await _tickets(connection, query, hold=hold)


async def by_ids(connection: AsyncConnection, ids: Iterable[str], *, hold: bool = False) -> list[Ticket]:
    found: list[Ticket] = []
    for some in batches(ids, AT_ONCE):
        rows = await connection.execute(_SOME_HELD if hold else _SOME, {"which": some})
        found += [ticket_of(row) for row in rows.mappings()]
    return found


async def edges_of(connection: AsyncConnection, plan_id: str) -> list[tuple[str, str]]:
    """(ticket, ticket that it depends on), by id."""
    query = select(deps.c.ticket_id, deps.c.depends_on).join(tickets, tickets.c.ticket_id == deps.c.ticket_id)
    rows = await connection.execute(query.where(tickets.c.plan_id == plan_id))
    return [(row.ticket_id, row.depends_on) for row in rows]


async def names_of(connection: AsyncConnection, plan_id: str) -> tuple[tuple[str, str], ...]:
    """(name, id) of a plan's tickets."""
    query = select(tickets.c.task_id, tickets.c.ticket_id).where(tickets.c.plan_id == plan_id)
    rows = await connection.execute(query.order_by(tickets.c.ordinal))
    return tuple((row.task_id, row.ticket_id) for row in rows)


async def needs_of(connection: AsyncConnection, ticket_id: str) -> tuple[str, ...]:
    """Names of the tickets that it depends on."""
    query = select(tickets.c.task_id).join(deps, deps.c.depends_on == tickets.c.ticket_id)
    rows = await connection.execute(query.where(deps.c.ticket_id == ticket_id).order_by(tickets.c.ordinal))
    return tuple(rows.scalars())


def met_statements(done: Any) -> tuple[sa.Update, sa.Select[Any]]:
    """Counting for what depends on ``done``, a list of ids or a parameter for one; what depends on nothing any more."""
    fed = select(deps.c.ticket_id).where(deps.c.depends_on.in_(done))
    mine = (deps.c.ticket_id == tickets.c.ticket_id) & deps.c.depends_on.in_(done)
    many = select(sa.func.count()).select_from(deps).where(mine).scalar_subquery()
    count = tickets.update().where(tickets.c.ticket_id.in_(fed)).values(pending_deps=tickets.c.pending_deps - many)
    return count, select(tickets).where(tickets.c.ticket_id.in_(fed), tickets.c.pending_deps == 0)


_COUNT_MET, _WHOLE = met_statements(sa.bindparam("done", expanding=True))


async def met(connection: AsyncConnection, ids: Iterable[str]) -> list[Ticket]:
    """Counts these successes for everything that depends on them; answers what now depends on nothing any more."""
    found: list[Ticket] = []
    for some in batches(ids, AT_ONCE):
        if (await connection.execute(_COUNT_MET, {"done": some})).rowcount:
            rows = await connection.execute(_WHOLE, {"done": some})
            found += [one for one in map(ticket_of, rows.mappings()) if one.status is TicketState.WAITING]
    return sorted(found, key=lambda ticket: ticket.ordinal)


# -- the queue


def by_score_query(limit: int) -> sa.Select[Any]:
    by_score = (tickets.c.priority_score.desc(), tickets.c.ready_at, tickets.c.ticket_id)
    return select(tickets).where(tickets.c.queued == 1).order_by(*by_score).limit(limit)


def by_age_query(limit: int) -> sa.Select[Any]:
    return select(tickets).where(tickets.c.queued == 1).order_by(tickets.c.ready_at, tickets.c.ticket_id).limit(limit)


async def queued(connection: AsyncConnection, limit: int) -> list[Ticket]:
    """The ``limit`` of the highest rank, and those that have waited longest: time may have lifted them above."""
    found = {one.ticket_id: one for one in await _tickets(connection, by_score_query(limit))}
    if len(found) == limit:
        found |= {one.ticket_id: one for one in await _tickets(connection, by_age_query(limit))}
    return list(found.values())


def due_query(now: float, limit: int) -> sa.Select[Any]:
    late = tickets.c.due_at.is_not(None) & (tickets.c.due_at <= now)
    return select(tickets.c.ticket_id).where(late).order_by(tickets.c.due_at).limit(limit)


async def due(connection: AsyncConnection, now: float, limit: int) -> tuple[str, ...]:
    """Ids of tickets that must be looked at."""
    return tuple((await connection.execute(due_query(now, limit))).scalars())


async def ask_again(connection: AsyncConnection, code: str, now: float) -> None:
    """Makes due what is held with ``code`` and would be looked at later."""
    held = (tickets.c.status == TicketState.FROZEN.value) & (tickets.c.error_code == code) & (tickets.c.due_at > now)
    await connection.execute(tickets.update().where(held).values(due_at=now))


def leases_query() -> sa.Select[Any]:
    return select(tickets).where(tickets.c.lease_until.is_not(None)).order_by(tickets.c.ticket_id)


async def leases(connection: AsyncConnection) -> list[Ticket]:
    """Every ticket that somebody has a lease on, held."""
    return await _tickets(connection, leases_query(), hold=True)


def waits_query() -> sa.Select[Any]:
    """Those that wait for a time, whoever set it."""
    later = tickets.c.due_at.is_not(None) & tickets.c.not_before.is_not(None)
    return select(tickets).where(later).order_by(tickets.c.ticket_id)


async def waits(connection: AsyncConnection) -> list[Ticket]:
    return await _tickets(connection, waits_query(), hold=True)


async def beat(connection: AsyncConnection, alive: Ticket) -> None:
    """The few columns that a heartbeat changes."""
    names = ("lease_until", "due_at", "progress", "note", "updated_at")
    change = tickets.update().where(tickets.c.ticket_id == alive.ticket_id)
    await connection.execute(change.values(ticket_values(alive, names)))


async def park_plan(connection: AsyncConnection, plan_id: str, *, kinds: Iterable[str], paused: bool) -> None:
    """Takes a plan's tickets out of the queue, or puts them back unless their kind is paused."""
    of = tickets.update().where(tickets.c.plan_id == plan_id, tickets.c.status.in_(_OPEN))
    await _park(connection, of if paused else of.where(tickets.c.task_type.not_in(tuple(kinds))), paused=paused)


async def park_kind(connection: AsyncConnection, kind: str, *, paused: bool) -> None:
    """The same for a kind of work; tickets of paused plans stay out."""
    of = tickets.update().where(tickets.c.task_type == kind, tickets.c.status.in_(_OPEN))
    stopped = select(plans.c.plan_id).where(plans.c.paused, plans.c.plan_id == tickets.c.plan_id)
    await _park(connection, of if paused else of.where(~stopped.exists()), paused=paused)


async def _park(connection: AsyncConnection, change: sa.Update, *, paused: bool) -> None:
    if paused:
        await connection.execute(change.values(parked=True, queued=None))
        return
    free = tickets.c.lease_token.is_(None) & tickets.c.not_before.is_(None)
    leasable = tickets.c.status.in_((TicketState.READY.value, TicketState.COMPENSATING.value)) & free
    await connection.execute(change.values(parked=False, queued=sa.case((leasable, 1), else_=None)))


# -- lists


def page_query(wanted: Mapping[str, str], *, after: str | int | None, limit: int) -> sa.Select[Any]:
    """Of one plan in its order, else the newest first. ``wanted``: columns that must be so, and ``text``."""
    query = select(tickets).where(*_met(wanted)).limit(limit)
    if "plan_id" in wanted:
        query = query.order_by(tickets.c.ordinal)
        return query if after is None else query.where(tickets.c.ordinal > int(after))
    query = query.order_by(tickets.c.ticket_id.desc())
    return query if after is None else query.where(tickets.c.ticket_id < str(after))


def _met(wanted: Mapping[str, str]) -> Iterator[sa.ColumnElement[bool]]:
    """``text`` stands somewhere in what people call a ticket, or its plan; upper and lower case are one."""
    for name, value in wanted.items():
        if name != "text":
            yield tickets.c[name] == value
            continue
        plan = select(plans.c.plan_id).where(
            plans.c.plan_id == tickets.c.plan_id, plans.c.name.icontains(value, autoescape=True)
        )
        said = (tickets.c.task_id, tickets.c.description, tickets.c.error_code)
        # By row, and not by a list of plans: the walk ends as soon as the page is full.
        yield sa.or_(*(column.icontains(value, autoescape=True) for column in said), plan.exists())


async def page(
    connection: AsyncConnection, wanted: Mapping[str, str], *, after: str | int | None, limit: int
) -> list[Ticket]:
    return await _tickets(connection, page_query(wanted, after=after, limit=limit))


def counts_query(wanted: Mapping[str, str]) -> sa.Select[Any]:
    query = select(tickets.c.status, sa.func.count().label("many")).where(*_met(wanted))
    return query.group_by(tickets.c.status)


async def counts(connection: AsyncConnection, wanted: Mapping[str, str]) -> dict[str, int]:
    """Tickets by state, of those that ``wanted`` columns say; states without any are left out."""
    return {row.status: row.many for row in await connection.execute(counts_query(wanted))}


def deepest_query(plan_id: str) -> sa.Select[Any]:
    done = (tickets.c.plan_id == plan_id) & (tickets.c.status == TicketState.SUCCEEDED.value) & tickets.c.undoable
    return select(sa.func.max(tickets.c.level)).where(done)


async def deepest_done(connection: AsyncConnection, plan_id: str) -> list[Ticket]:
    """Of what succeeded and can be undone the tickets of the last level; they do not depend on each other."""
    level = await connection.scalar(deepest_query(plan_id))
    if level is None:
        return []
    done = await of_plan(connection, plan_id, states=(TicketState.SUCCEEDED,), hold=True)
    return [ticket for ticket in done if ticket.level == level and ticket.undoable]


async def in_state_count(connection: AsyncConnection, state: TicketState, most: int) -> int:
    few = select(tickets.c.ticket_id).where(tickets.c.status == state.value).limit(most).subquery()
    return int(await connection.scalar(select(sa.func.count()).select_from(few)) or 0)


async def _tickets(connection: AsyncConnection, query: sa.Select[Any], *, hold: bool = False) -> list[Ticket]:
    found = await connection.execute(query.with_for_update() if hold else query)
    return [ticket_of(row) for row in found.mappings()]
