"""Whether a ticket may go on: asked where it is accepted, where it waits, and again where it is given to a worker."""

from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.consent import Action, Consent, Deed, Frozen
from cluster_ai.plans.records import Ticket
from cluster_ai.plans.words import TaskType, TicketState

SERVICE: Final = "tickets"
MENDING: Final = "mending"
"""Metadata of a ticket that mends: ``true`` for a rollback or a security fix, which no freeze holds up."""
FROZEN: Final = Frozen.code
"""The error code of a ticket that a freeze holds."""
ACTIONS: Final[Mapping[str, Action]] = {TaskType.DEPLOY: Action.DEPLOY, TaskType.PULL: Action.PULL}
"""Kinds of work that a freeze can hold; it says nothing about others."""


def deed(subject: str, kind: str, metadata: Mapping[str, str], *, mends: bool = False) -> Deed | None:
    """What it would do, as freezes see it; None when none can hold it. ``metadata`` names ``service`` and ``group``."""
    action = ACTIONS.get(kind)
    if action is None:
        return None
    scope = {"service": f"{SERVICE} {metadata.get('service', '')}".strip(), "kind": kind.lower()}
    group = metadata.get("group", "")
    return Deed(action, subject, scope | ({"group": group} if group else {}), mends)


def deed_of(ticket_id: str, kind: str, metadata: Mapping[str, str], status: str) -> Deed | None:
    """The same of a ticket that was accepted. Undoing is never refused, nor is what mends."""
    mends = status == TicketState.COMPENSATING or is_mending(metadata)
    return deed(ticket_id, kind, metadata, mends=mends)


def is_mending(metadata: Mapping[str, str]) -> bool:
    return metadata.get(MENDING) == "true"


def deeds(tickets: Iterable[Ticket]) -> tuple[Deed, ...]:
    """What new tickets would do, in the name of their plan: one for each thing that a freeze can tell apart."""
    found: dict[str, Deed] = {}
    for ticket in tickets:
        wanted = deed_of(ticket.plan_id, ticket.task_type, ticket.metadata, ticket.status)
        if wanted is not None and not ticket.status.ended:
            found[repr(sorted(wanted.scope.items()))] = wanted
    return tuple(found.values())


async def ask(connection: AsyncConnection, consent: Consent, ticket: Ticket) -> Frozen | None:
    """Why the ticket may not go on now; None when it may."""
    wanted = deed_of(ticket.ticket_id, ticket.task_type, ticket.metadata, ticket.status)
    if wanted is None:
        return None
    try:
        await consent(connection, wanted)
    except Frozen as exc:
        return exc
    return None
