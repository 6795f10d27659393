"""Attempts that nobody can end any more, and tickets that can never go: settled by whoever dispatches."""

from dataclasses import replace

from cluster_ai.plans import backoff, ending, flow, machine
from cluster_ai.plans.given import Given
from cluster_ai.plans.holding import on_ticket
from cluster_ai.plans.queue import DISPATCHER, Queue
from cluster_ai.plans.reaping import Reaped, Reaper
from cluster_ai.plans.records import Fence
from cluster_ai.plans.types import NoSuchTicket
from cluster_ai.plans.words import TicketState

S = TicketState


class Flow(Queue):
    """Everything that a dispatcher asks of the tickets."""

    def __init__(self, given: Given) -> None:
        super().__init__(given)
        self._reaper = Reaper(given)

    async def reap(self, now: float) -> Reaped:
        """What the clock brings about."""
        return await self._reaper.reap(now)

    async def lose(self, ticket_id: str, attempt: int, *, code: str, message: str, fence: Fence | None = None) -> bool:
        """Ends an attempt that infrastructure lost, so that another may begin; False when it is over already.

        ``fence``: of the attempt, when its own worker says so.
        """
        given = self._given
        try:
            async with on_ticket(given, ticket_id, actor=DISPATCHER) as (work, ticket):
                if ticket.lease_token is None or ticket.attempt != attempt:
                    return False
                if fence is not None and fence.token != ticket.lease_token:
                    return False
                event: machine.Event = machine.Stopped()
                if ticket.status is not S.CANCELLING:
                    event = machine.Lost(code, message, delay=backoff.delay(ticket.losses, given.rng))
                await ending.end(work, ticket, event, "cancelled" if ticket.status is S.CANCELLING else "lost")
        except NoSuchTicket:
            return False
        return True

    async def give_up(self, ticket_id: str, *, code: str, message: str) -> bool:
        """Ends a ticket that can never go, and its plan with it unless that goes on without; False when it moved."""
        try:
            async with on_ticket(self._given, ticket_id, actor=DISPATCHER) as (work, ticket):
                if ticket.status is not S.READY:
                    return False
                if not work.plan.error_code:
                    work.plan = replace(work.plan, error_code=code, error_message=message)
                await flow.react(work, work.move(ticket, machine.CancelAsked(work.now, code, message)))
        except NoSuchTicket:
            return False
        return True
