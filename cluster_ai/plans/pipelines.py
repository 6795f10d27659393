"""What pipelines elsewhere say of tickets: kept with the tickets, and handed to whoever works at one.

It is a row before anybody is told that it was taken. Each answer to a worker that begins, or gives a sign of life,
carries it to the attempt that holds the lease then: one that has not begun yet, or came after another that was lost,
hears it as well, and one that was taken over hears nothing.
"""

from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.errors import NotFound
from cluster_ai.executors.contract import Reported
from cluster_ai.plans.given import Given
from cluster_ai.plans.records import Ticket
from cluster_ai.plans.tables import pipelines, tickets
from cluster_ai.plans.types import ReportedOtherwise
from cluster_ai.plans.words import OPEN, TicketState

log = structlog.get_logger(__name__)
_WAIT: Final = frozenset(OPEN) - {TicketState.CANCELLING, TicketState.COMPENSATING}
"""States of tickets that a report may still end. What is being undone, or stopped, waits for nobody elsewhere."""


class Pipelines:
    """Takes reports."""

    def __init__(self, given: Given) -> None:
        self._given = given

    async def reported(self, connection: AsyncConnection, ticket_id: str, report: Reported) -> None:
        """Keeps a report in the caller's unit of work; the same again changes nothing.

        Raises:
            NotFound: no ticket of that id waits for a pipeline.
            ReportedOtherwise: another one came before.
        """
        ticket = await tickets.ticket(connection, ticket_id, hold=True)
        if ticket is None:
            raise _nobody(ticket_id)
        if (known := await pipelines.report_of(connection, ticket_id)) is not None:
            _refuse_another(ticket_id, known, report)
            return
        if ticket.status not in _WAIT or not self._given.hears(ticket.task_type, ticket.parameters):
            raise _nobody(ticket_id)
        await pipelines.add_report(connection, ticket_id, report, now=self._given.now())
        log.info("a pipeline reported", ticket=ticket_id, succeeded=report.succeeded)


async def report_for(connection: AsyncConnection, given: Given, ticket: Ticket) -> Reported | None:
    """What the attempt that the ticket is at is told."""
    if ticket.status not in _WAIT or not given.hears(ticket.task_type, ticket.parameters):
        return None
    return await pipelines.report_of(connection, ticket.ticket_id)


def _refuse_another(ticket_id: str, known: Reported, report: Reported) -> None:
    if known != report:
        verdict = "succeeded" if known.succeeded else "failed"
        raise ReportedOtherwise(
            f"the pipeline of ticket {ticket_id} has said before that it {verdict}",
            hint="the first report counts; to run it once more, retry the ticket",
        )


def _nobody(ticket_id: str) -> NotFound:
    return NotFound(f"no ticket {ticket_id} waits for a pipeline", hint="is the id right, and the ticket still open?")
