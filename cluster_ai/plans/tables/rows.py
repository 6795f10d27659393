"""Rows to records and back."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.batches import batches
from cluster_ai.plans.records import TICKET, Plan, Ticket
from cluster_ai.plans.records import ticket_of as made_of
from cluster_ai.plans.tables.schema import plans, tickets
from cluster_ai.plans.words import PlanState, TicketState

AT_ONCE: Final = 100
"""Rows a statement: between two of them the loop serves others."""
_PLAN: Final = tuple(field.name for field in fields(Plan))
_LISTS: Final = ("required_capabilities", "non_retryable", "artefacts")
STANDING: Final = TICKET[TICKET.index("status") :]
"""What changes in a ticket's life."""

# Made once: to put a statement of forty columns together costs more than to carry it out.
_STORE_PLAN: Final = (
    plans.update()
    .where(plans.c.plan_id == sa.bindparam("new_plan_id"))
    .values({name: sa.bindparam(f"new_{name}", type_=plans.c[name].type) for name in _PLAN if name != "plan_id"})
)


def plan_of(row: Any) -> Plan:
    values = dict(row)
    values["status"] = PlanState(values["status"])
    return Plan(**values)


def plan_values(plan: Plan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in _PLAN} | {
        "spec": dict(plan.spec),
        "steps": dict(plan.steps),
        "error_message": plan.error_message[:1024],
    }


def ticket_of(row: Any) -> Ticket:
    values = dict(row)
    values["status"] = TicketState(values["status"])
    for name in _LISTS:
        values[name] = tuple(values[name])
    return made_of(values)


def ticket_values(ticket: Ticket, names: Sequence[str] = TICKET) -> dict[str, Any]:
    """Columns of a ticket by name. Mappings are what JSON can write already."""
    return {name: getattr(ticket, name) for name in names}


async def store_tickets(connection: AsyncConnection, changed: Iterable[tuple[Ticket, Ticket]]) -> None:
    """(as it is stored, as it stands now): what differs is written. What was asked for stays.

    Each column that is named costs its part of the statement, and each index that it is in, whether it differs or not.
    """
    alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for before, after in changed:
        was, now = vars(before), vars(after)
        names = tuple(name for name in STANDING if was[name] is not now[name] and was[name] != now[name])
        if names:
            alike.setdefault(names, []).append(
                {"which": after.ticket_id} | {f"new_{name}": now[name] for name in names}
            )
    for names, found in alike.items():
        for some in batches(found, AT_ONCE):
            await connection.execute(_store_ticket(names), some)


@lru_cache(maxsize=256)
def _store_ticket(names: tuple[str, ...]) -> sa.Update:
    values = {name: sa.bindparam(f"new_{name}", type_=tickets.c[name].type) for name in names}
    return tickets.update().where(tickets.c.ticket_id == sa.bindparam("which")).values(values)


async def store_plan(connection: AsyncConnection, plan: Plan) -> None:
    await connection.execute(_STORE_PLAN, {f"new_{name}": value for name, value in plan_values(plan).items()})
