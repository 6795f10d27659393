"""A plan, or a ticket with its plan, held for one unit of work. Plans are held before tickets, always."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cluster_ai.core.errors import Changed
from cluster_ai.core.outbox import Unit, unit
from cluster_ai.plans.given import Given
from cluster_ai.plans.records import Plan, Ticket
from cluster_ai.plans.tables import plans, tickets
from cluster_ai.plans.types import NoSuchPlan, NoSuchTicket
from cluster_ai.plans.work import Work


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
