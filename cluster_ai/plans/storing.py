"""A prepared plan becomes rows, and is told."""

from dataclasses import replace

from cluster_ai.core.events import Event
from cluster_ai.core.outbox import Unit
from cluster_ai.plans.given import Given
from cluster_ai.plans.preparing import Prepared
from cluster_ai.plans.records import Ticket
from cluster_ai.plans.results import Kept
from cluster_ai.plans.tables import histories, plans, tickets
from cluster_ai.plans.work import event_of


async def store_new(opened: Unit, given: Given, ready: Prepared) -> None:
    """Everything of it, in the unit of work that is open."""
    connection = opened.connection
    stopped = set(await plans.paused(connection))
    rows = [_parked(ticket) if ticket.task_type in stopped else ticket for ticket in ready.tickets]
    await plans.add_plan(connection, ready.plan)
    await tickets.add_tickets(connection, rows)
    await tickets.add_edges(connection, ready.edges)
    await histories.add_entries(connection, ready.entries)
    plan = ready.plan
    data = {
        "name": plan.name,
        "owner": plan.owner,
        "tickets": plan.tickets,
        "correlation_id": plan.correlation_id,
        "replay_of": plan.replay_of,
    }
    opened.say(Event(given.new_id(), "plan.submitted", plan.plan_id, data, plan.created_at))
    opened.say(*(event_of(given.new_id(), ticket, "created", plan.created_at) for ticket in rows))


def keep_results(given: Given, ready: Prepared) -> Prepared:
    """With files of its own for the large results that it takes over. Touches the disk."""
    return replace(ready, tickets=tuple(_own(given, ticket) for ticket in ready.tickets))


def kept(ticket: Ticket) -> Kept:
    """Where the ticket's result is."""
    return Kept(ticket.result, ticket.result_uri, ticket.result_sha256, ticket.result_bytes)


def _own(given: Given, ticket: Ticket) -> Ticket:
    if not ticket.result_uri:
        return ticket
    shared = given.results.share(kept(ticket), plan_id=ticket.plan_id, name=f"{ticket.ticket_id}-0")
    return replace(ticket, result_uri=shared.uri)


def _parked(ticket: Ticket) -> Ticket:
    return ticket if ticket.status.ended else replace(ticket, parked=True, queued=None)
