"""Whether a deployment may go on: asked where it is accepted, and again where it is given to a worker."""

from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.consent import Action, Consent, Deed, Frozen
from cluster_ai.plans.records import Ticket
from cluster_ai.plans.words import TaskType, TicketState

SERVICE = "tickets"


def deed(subject: str, *, group: str = "", is_mending: bool = False) -> Deed:
    scope = {"service": SERVICE, "kind": "deploy"}
    return Deed(Action.DEPLOY, subject, scope | ({"group": group} if group else {}), is_mending)


async def ask(connection: AsyncConnection, consent: Consent, ticket: Ticket) -> Frozen | None:
    """Why the ticket may not go on now; None when it may. Undoing a deployment is never refused."""
    if ticket.task_type != TaskType.DEPLOY:
        return None
    mending = ticket.status is TicketState.COMPENSATING or ticket.metadata.get("mending") == "true"
    try:
        await consent(connection, deed(ticket.ticket_id, group=ticket.metadata.get("group", ""), is_mending=mending))
    except Frozen as exc:
        return exc
    return None
