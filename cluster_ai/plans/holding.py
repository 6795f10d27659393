"""A plan, or a ticket with its plan, held for one unit of work. Plans are held before tickets, always."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager

from cluster_ai.core.errors import Changed
from cluster_ai.core.outbox import Unit, unit
from cluster_ai.plans.given import Given
from cluster_ai.plans.records import Plan, Ticket
from cluster_ai.plans.tables import plans, tickets
from cluster_ai.plans.types import NoSuchPlan, NoSuchTicket
from cluster_ai.plans.work import Work

Act = Callable[[Work, Mapping[str, Ticket]], Awaitable[None]]
"""What is done to tickets of one plan, by id."""


@asynccontextmanager
async def on_plan(given: Given, plan_id: str, *, actor: str, owner: str | None = None) -> AsyncIterator[Work]:
    """``owner``: whose it must be; None: anybody's.

    Raises:
        NoSuchPlan: there is none, or it is somebody else's.
    """
    async with unit(given.database, given.tell) as opened:
        plan = await _plan(opened, plan_id, owner)
        work = Work(opened, given, plan=plan, actor=actor, now=given.now())
        yield work
        await work.store()


@asynccontextmanager
async def on_ticket(
    given: Given, ticket_id: str, *, actor: str, owner: str | None = None, now: float | None = None
) -> AsyncIterator[tuple[Work, Ticket]]:
    """The ticket and the work on its plan.

    Raises:
        NoSuchTicket: there is none, or it is somebody else's.
    """
    async with unit(given.database, given.tell) as opened:
        plan, found = await tickets.with_plan(opened.connection, ticket_id)
        if plan is None or found is None or owner not in (None, found.owner):
            raise no_ticket(ticket_id)
        work = Work(opened, given, plan=plan, actor=actor, now=given.now() if now is None else now)
        yield work, found
        await work.store()


async def by_plan(given: Given, ids: Iterable[str], act: Act) -> None:
    """Carries out ``act`` on the tickets among ``ids``, once for each plan, each in a unit of work of its own.

    Of a program that is killed in between, either all of a plan's moves are stored or none; ids that nobody knows are
    left out.
    """
    left = list(dict.fromkeys(ids))
    while left:
        async with unit(given.database, given.tell) as opened:
            plan, found = await tickets.many_with_plan(opened.connection, left)
            if plan is None:
                return
            work = Work(opened, given, plan=plan, actor="", now=given.now())
            await act(work, found)
            await work.store()
        left = [one for one in left if one not in found]


def no_ticket(ticket_id: str) -> NoSuchTicket:
    return NoSuchTicket(f"there is no ticket {ticket_id}", hint="cluster-ai ticket list shows those that there are")


def changed(ticket: Ticket) -> Changed:
    return Changed(
        f"the ticket is {ticket.status} by now", hint="read it again, then decide", values={"state": ticket.status}
    )


def no_plan(plan_id: str) -> NoSuchPlan:
    return NoSuchPlan(f"there is no plan {plan_id}", hint="cluster-ai plan list shows those that there are")


async def _plan(opened: Unit, plan_id: str, owner: str | None) -> Plan:
    plan = await plans.plan(opened.connection, plan_id, hold=True)
    if plan is None or owner not in (None, plan.owner):
        raise no_plan(plan_id)
    return plan
