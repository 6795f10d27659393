"""Addresses that tickets want to be told of their end at: refused with the ticket, not when it has ended."""

from cluster_ai.plans.given import Given
from cluster_ai.plans.types import NewPlan


async def check(new: NewPlan, given: Given) -> None:
    """Looks at every ``webhook_url`` once.

    Raises:
        InvalidInput: one may not be called; ``path`` says whose.
    """
    named = {ticket.webhook_url for ticket in new.tickets if ticket.webhook_url}
    if not named:
        return
    refused = await given.refused(named)
    for number, ticket in enumerate(new.tickets):
        if (error := refused.get(ticket.webhook_url)) is not None:
            moved = type(error)(
                error.message, path=f"tickets.{number}.webhook_url", hint=error.hint, values=error.values
            )
            raise moved from error
