"""Who may report of an attempt: only whoever has its lease now. Others are told so, and change nothing."""

from cluster_ai.plans.given import Given
from cluster_ai.plans.hashing import digest
from cluster_ai.plans.records import Done, Fence, Ticket, Wanted
from cluster_ai.plans.tables import histories
from cluster_ai.plans.tokens import BEYOND_SECONDS
from cluster_ai.plans.types import StaleAttempt
from cluster_ai.plans.words import TicketState
from cluster_ai.plans.work import Work


def holds(ticket: Ticket, fence: Fence) -> bool:
    """Whether the fence is of the lease that the ticket is under now."""
    return ticket.lease_token is not None and (ticket.lease_token, ticket.attempt) == (fence.token, fence.attempt)


def check(ticket: Ticket, fence: Fence) -> None:
    """Raises StaleAttempt unless the fence holds."""
    if not holds(ticket, fence):
        raise _stale(ticket, fence)


async def known(work: Work, ticket: Ticket, fence: Fence, outcome: str) -> Done:
    """The answer to a report of an attempt that is over: the same again, if it said the same before.

    Raises:
        StaleAttempt: it did not.
    """
    attempt = await histories.attempt(work.unit.connection, ticket.ticket_id, fence.attempt)
    # Whoever was to stop has ended as cancelled, whichever way its worker put it.
    same = (outcome, "cancelled") if outcome in ("failed", "returned") else (outcome,)
    if attempt is None or attempt.token_hash != hash_of(fence.token) or attempt.outcome not in same:
        raise _stale(ticket, fence)
    return Done(dup=True, status=ticket.status, plan_id=ticket.plan_id, kind=ticket.task_type)


def wanted(given: Given, ticket: Ticket, fence: Fence, until: float) -> Wanted:
    """What a worker is told whose lease ends at ``until`` from now on."""
    return Wanted(ticket.status is TicketState.CANCELLING, signed(given, fence, until, given.now()), until)


def signed(given: Given, fence: Fence, until: float, now: float) -> str:
    """The token for an attempt whose lease ends then."""
    return given.keys.sign(fence, until=until + BEYOND_SECONDS, now=now, jti=given.new_id())


def hash_of(secret: str) -> str:
    """What is kept of a lease's secret when the lease is over."""
    return digest(secret)


def _stale(ticket: Ticket, fence: Fence) -> StaleAttempt:
    return StaleAttempt(
        f"attempt {fence.attempt} at ticket {ticket.ticket_id} is over: it is {ticket.status} at attempt"
        f" {ticket.attempt}",
        hint="stop, and throw away what was done",
    )
