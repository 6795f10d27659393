"""Plans and tickets, read: alone, in pages, as a graph, with their history and their results."""

import asyncio
import math
from collections.abc import Mapping
from typing import Any, Final

from cluster_ai.core.errors import InvalidInput
from cluster_ai.plans import graph, hashing, replaying, storing, views
from cluster_ai.plans.given import Given
from cluster_ai.plans.holding import no_plan, no_ticket
from cluster_ai.plans.records import Plan, Ticket
from cluster_ai.plans.tables import histories, plans, tickets
from cluster_ai.plans.types import (
    ChainBroken,
    Edge,
    FlowStatus,
    GraphView,
    HistoryView,
    Node,
    PlanPage,
    PlanView,
    TicketCounts,
    TicketPage,
    TicketView,
)
from cluster_ai.plans.words import PlanState, TaskType, TicketState

MOST_ON_A_PAGE: Final = 200
_CHECKED_AT_ONCE: Final = 100
"""Histories that are read and checked together: between two of them the loop serves others."""
_MOST_ENDED: Final = 10_000
_RUNNING: Final = tuple(state.value for state in PlanState if not state.ended)
_FILTERS: Final = ("plan_id", "intent_id", "status", "priority", "task_type", "owner", "text")


class Reader:
    """``owner``: whose things a caller sees; None: everybody's."""

    def __init__(self, given: Given) -> None:
        self._given = given

    async def plan(self, plan_id: str, *, owner: str | None = None) -> PlanView:
        """One plan.

        Raises:
            NoSuchPlan: there is none, or it is somebody else's.
        """
        return views.plan_view(await self._plan(plan_id, owner))

    async def plans(
        self, *, owner: str | None = None, status: str | None = None, cursor: str = "", limit: int = 50
    ) -> PlanPage:
        """The newest first."""
        limit = min(limit, MOST_ON_A_PAGE)
        async with self._given.database.read() as connection:
            found = await plans.page(connection, owner=owner, status=status, before=cursor or None, limit=limit + 1)
        more = found[limit - 1].plan_id if len(found) > limit else ""
        return PlanPage(items=tuple(views.plan_view(plan) for plan in found[:limit]), next=more)

    async def tickets(
        self, filters: Mapping[str, str], *, owner: str | None = None, cursor: str = "", limit: int = 50
    ) -> TicketPage:
        """Of one plan in its order, else the newest first. ``filters``: by column, or ``text`` in any of them."""
        wanted = _wanted(filters, owner)
        limit = min(limit, MOST_ON_A_PAGE)
        by_plan = "plan_id" in wanted
        async with self._given.database.read() as connection:
            found = await tickets.page(connection, wanted, after=_cursor(cursor, by_plan), limit=limit + 1)
            names = await plans.names_of(connection, {ticket.plan_id for ticket in found[:limit]})
        last = found[limit - 1] if len(found) > limit else None
        more = "" if last is None else str(last.ordinal) if by_plan else last.ticket_id
        shown = tuple(views.ticket_view(ticket) for ticket in found[:limit])
        return TicketPage(items=shown, next=more, plan_names=names)

    async def ticket_counts(self, filters: Mapping[str, str], *, owner: str | None = None) -> TicketCounts:
        """How many of those that ``tickets`` would list are in which state."""
        async with self._given.database.read() as connection:
            found = await tickets.counts(connection, _wanted(filters, owner))
        return TicketCounts(
            items={TicketState(state): many for state, many in found.items()}, total=sum(found.values())
        )

    async def ticket(self, ticket_id: str, *, owner: str | None = None) -> TicketView:
        """One ticket, with the names of what it depends on.

        Raises:
            NoSuchTicket: there is none, or it is somebody else's.
        """
        async with self._given.database.read() as connection:
            found = await tickets.ticket(connection, ticket_id)
            if found is None or owner not in (None, found.owner):
                raise no_ticket(ticket_id)
            needs = await tickets.needs_of(connection, ticket_id)
        return views.ticket_view(found, needs=needs)

    async def result(self, ticket_id: str, *, owner: str | None = None) -> Any:
        """What it gave, however large; checked against its SHA-256.

        Raises:
            NoSuchTicket: there is none, it is somebody else's, or it has not succeeded.
            ChainBroken: the file is gone or was changed.
        """
        found = await self._ticket(ticket_id, owner)
        if not views.is_done(found):
            raise no_ticket(ticket_id)
        return await asyncio.to_thread(self._given.results.read, storing.kept(found))

    async def history(self, ticket_id: str, *, owner: str | None = None) -> HistoryView:
        """All that happened to it, whether the seals fit, and its attempts."""
        async with self._given.database.read() as connection:
            found = await tickets.ticket(connection, ticket_id)
            if found is None or owner not in (None, found.owner):
                raise no_ticket(ticket_id)
            entries = await histories.history(connection, ticket_id)
            attempts = await histories.attempts_of(connection, ticket_id)
        try:
            hashing.check(found, entries)
            intact = True
        except ChainBroken:
            intact = False
        return HistoryView(
            ticket_id=ticket_id,
            intact=intact,
            entries=tuple(views.entry_view(entry) for entry in entries),
            attempts=tuple(views.attempt_view(attempt) for attempt in attempts),
        )

    async def graph(self, plan_id: str, *, owner: str | None = None) -> GraphView:
        """Its tickets, what waits for what, and the way that takes longest."""
        await self._plan(plan_id, owner)
        async with self._given.database.read() as connection:
            whole = await tickets.of_plan(connection, plan_id)
            edges = await tickets.edges_of(connection, plan_id)
        needs = replaying.needs_of(whole, edges)
        built = graph.build(needs.items())
        durations = {one.task_id: one.actual_duration_ms or one.estimated_duration_ms or 0 for one in whole}
        path, total = graph.critical_path(built, durations)
        return GraphView(
            nodes=tuple(_node(one) for one in whole),
            edges=tuple(Edge(ticket=name, depends_on=need) for name, wanted in needs.items() for need in wanted),
            critical_path=path,
            critical_ms=total,
        )

    async def verify(self, plan_id: str, *, owner: str | None = None) -> int:
        """Checks every seal and every result of a plan; answers how many tickets it has.

        Raises:
            ChainBroken: names the first that does not fit.
        """
        plan = await self._plan(plan_id, owner)
        async with self._given.database.read() as connection:
            whole = await tickets.of_plan(connection, plan_id)
            if hashing.of_plan(whole) != plan.hash:
                raise ChainBroken(f"the tickets of plan {plan_id} are not those that it was accepted with")
            for start in range(0, len(whole), _CHECKED_AT_ONCE):
                some = whole[start : start + _CHECKED_AT_ONCE]
                links = await histories.histories_of(connection, [ticket.ticket_id for ticket in some])
                for ticket in some:
                    hashing.check(ticket, links.get(ticket.ticket_id, ()))
        for ticket in whole:
            if ticket.result_uri:
                await asyncio.to_thread(self._given.results.read, storing.kept(ticket))
        return len(whole)

    async def flow(self, hours: float) -> FlowStatus:
        """How plans did that ended in the last ``hours``, the last 10,000 of them."""
        since = self._given.now() - hours * 3600
        async with self._given.database.read() as connection:
            ended = await plans.ended_since(connection, since, _MOST_ENDED)
            active = await plans.count_of(connection, _RUNNING)
        took = sorted((one.finished_at - one.created_at) * 1000 for one in ended)
        good = sum(one.status == PlanState.SUCCEEDED for one in ended)
        return FlowStatus(
            hours=hours,
            total_processed=len(ended),
            success_rate=good / len(ended) if ended else None,
            average_latency_ms=sum(took) / len(took) if took else None,
            p95_latency_ms=took[math.ceil(0.95 * len(took)) - 1] if took else None,
            active_executions=active,
        )

    # -- inside

    async def _plan(self, plan_id: str, owner: str | None) -> Plan:
        async with self._given.database.read() as connection:
            found = await plans.plan(connection, plan_id)
        if found is None or owner not in (None, found.owner):
            raise no_plan(plan_id)
        return found

    async def _ticket(self, ticket_id: str, owner: str | None) -> Ticket:
        async with self._given.database.read() as connection:
            found = await tickets.ticket(connection, ticket_id)
        if found is None or owner not in (None, found.owner):
            raise no_ticket(ticket_id)
        return found


def _wanted(filters: Mapping[str, str], owner: str | None) -> dict[str, str]:
    wanted = {name: value for name, value in filters.items() if value and name in _FILTERS}
    return wanted if owner is None else wanted | {"owner": owner}


def _cursor(cursor: str, by_plan: bool) -> str | int | None:  # noqa: FBT001 - a parameter of one place
    if not cursor:
        return None
    if by_plan and not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 9):  # noqa: PLR2004
        raise InvalidInput("that is no cursor of this list", path="cursor", hint="take the next of the page before")
    return int(cursor) if by_plan else cursor


def _node(ticket: Ticket) -> Node:
    return Node(
        id=ticket.task_id,
        ticket_id=ticket.ticket_id,
        type=TaskType(ticket.task_type),
        status=ticket.status,
        level=ticket.level,
    )
