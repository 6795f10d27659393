"""Attempts' ends, however they came: tickets move, the attempts' rows are closed, and what follows is done."""

from typing import Final

from cluster_ai.plans import flow, machine
from cluster_ai.plans.records import Attempt, Ticket
from cluster_ai.plans.tables import histories
from cluster_ai.plans.words import TicketState
from cluster_ai.plans.work import Work

INFRA: Final = "infra"
USER: Final = "user"
_SPREADS: Final = frozenset({TicketState.FAILED, TicketState.DEAD, TicketState.CANCELLED})
"""Ends that move other tickets, perhaps those whose end is reported next."""


async def end(work: Work, ticket: Ticket, event: machine.Event, outcome: str) -> Ticket:
    """Moves ``ticket``, whose attempt ends so.

    Raises:
        IllegalTransition: it has no attempt that could end so.
    """
    ends = Ends(work)
    await ends.add(ticket, event, outcome)
    await ends.settle()
    return work.standing(ticket)


class Ends:
    """Several attempts of one plan, one after the other: what follows of successes is done for all of them at once."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._attempts: list[Attempt] = []
        self._done: list[str] = []

    async def add(self, ticket: Ticket, event: machine.Event, outcome: str) -> Ticket:
        """Moves ``ticket``, whose attempt ends so. ``settle`` is called after the last.

        Raises:
            IllegalTransition: it has no attempt that could end so; nothing has changed.
        """
        work = self._work
        after = work.move(ticket, event)
        self._attempts.append(_closed(ticket, event, outcome, work.now))
        if ticket.begun:
            flow.begin(work)
        if after.status is TicketState.SUCCEEDED:
            self._done.append(after.ticket_id)
        elif after.status in _SPREADS:
            await self._feed()
            await flow.react(work, after)
            await work.store()
        return work.standing(after)

    async def note(self) -> None:
        """Closes the attempts' rows, for whoever looks for them."""
        await histories.attempts_ended(self._work.unit.connection, self._attempts)
        self._attempts = []

    async def settle(self) -> None:
        """What follows of all of them; the plan ends if that was the last of it."""
        await self.note()
        await self._feed()
        await flow.settle(self._work)

    # -- inside

    async def _feed(self) -> None:
        if self._done:
            await flow.feed(self._work, self._done)
            self._done = []


def _closed(ticket: Ticket, event: machine.Event, outcome: str, now: float) -> Attempt:
    code, error = _why(event)
    return Attempt(
        ticket_id=ticket.ticket_id,
        n=ticket.attempt,
        agent_id=ticket.allocated_agent_id,
        ended_at=now,
        outcome=outcome,
        error_code=code,
        error=error[:1024],
        cost_class=INFRA if isinstance(event, machine.Lost) else USER,
    )


def _why(event: machine.Event) -> tuple[str, str]:
    if isinstance(event, machine.Failed | machine.Lost):
        return event.code, event.message
    return "", ""
