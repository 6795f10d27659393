"""An attempt's end, however it came: the ticket moves, the attempt's row is closed, and what follows is done."""

from typing import Final

from cluster_ai.plans import flow, machine
from cluster_ai.plans.records import Attempt, Ticket
from cluster_ai.plans.tables import histories
from cluster_ai.plans.work import Work

INFRA: Final = "infra"
USER: Final = "user"


async def end(work: Work, ticket: Ticket, event: machine.Event, outcome: str) -> Ticket:
    """Moves ``ticket``, whose attempt ends so.

    Raises:
        IllegalTransition: it has no attempt that could end so.
    """
    after = work.move(ticket, event)
    code, error = _why(event)
    await histories.attempt_ended(
        work.unit.connection,
        Attempt(
            ticket_id=ticket.ticket_id,
            n=ticket.attempt,
            agent_id=ticket.allocated_agent_id,
            ended_at=work.now,
            outcome=outcome,
            error_code=code,
            error=error[:1024],
            cost_class=INFRA if isinstance(event, machine.Lost) else USER,
        ),
    )
    if ticket.begun:
        flow.begin(work)
    await flow.react(work, after)
    return work.standing(after)


def _why(event: machine.Event) -> tuple[str, str]:
    if isinstance(event, machine.Failed | machine.Lost):
        return event.code, event.message
    return "", ""
