"""The plans room as the worker's side needs it."""

from dataclasses import dataclass

from cluster_ai.plans.given import Given
from cluster_ai.plans.holding import no_ticket
from cluster_ai.plans.records import Ticket
from cluster_ai.plans.reports import Reports
from cluster_ai.plans.tables import tickets


@dataclass(frozen=True, slots=True)
class Room:
    given: Given
    reports: Reports

    async def ticket(self, ticket_id: str) -> Ticket:
        """As it stands.

        Raises:
            NoSuchTicket: there is none.
        """
        async with self.given.database.read() as connection:
            found = await tickets.ticket(connection, ticket_id)
        if found is None:
            raise no_ticket(ticket_id)
        return found
