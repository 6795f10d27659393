"""What the clock brings about: leases that ran out, attempts that took too long, waits that are over, deadlines.

Each ticket is one unit of work, so that one that cannot be settled holds up no other.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Final

from cluster_ai.plans import backoff, consenting, ending, flow, machine
from cluster_ai.plans.given import Given
from cluster_ai.plans.holding import on_plan, on_ticket
from cluster_ai.plans.records import Ticket
from cluster_ai.plans.tables import plans, tickets
from cluster_ai.plans.types import NoSuchPlan, NoSuchTicket
from cluster_ai.plans.words import TicketState
from cluster_ai.plans.work import Work

S = TicketState
REAPER: Final = "reaper"
LEASE_EXPIRED: Final = "lease_expired"
HEARTBEAT_TIMEOUT: Final = "heartbeat_timeout"
START_TO_CLOSE: Final = "start_to_close_timeout"
PLAN_DEADLINE: Final = "plan_deadline"


@dataclass(frozen=True, slots=True)
class Reaped:
    """How many: ``lost`` leases, ``timed_out`` attempts, tickets ``ready`` again, ``ended``, and plans ``late``."""

    lost: int = 0
    timed_out: int = 0
    ready: int = 0
    ended: int = 0
    late: int = 0

    @property
    def any(self) -> bool:
        return bool(self.lost or self.timed_out or self.ready or self.ended or self.late)


class Reaper:
    """``reap`` is called every second or so by whoever dispatches; calling it twice does no harm."""

    def __init__(self, given: Given) -> None:
        self._given = given

    async def reap(self, now: float, limit: int = 500) -> Reaped:
        """Settles up to ``limit`` tickets and plans whose time has come."""
        async with self._given.database.read() as connection:
            late = await plans.overdue(connection, now, limit)
            due = await tickets.due(connection, now, limit)
        found = Reaped()
        for plan_id in late:
            found = replace(found, late=found.late + await self._expire(plan_id))
        for ticket_id in due:
            if (name := await self._settle(ticket_id, now)) is not None:
                found = replace(found, **{name: getattr(found, name) + 1})
        return found

    async def _expire(self, plan_id: str) -> int:
        try:
            async with on_plan(self._given, plan_id, actor=REAPER) as work:
                if work.plan.deadline is None or work.plan.status.ended:
                    return 0
                message = "the plan did not end before its deadline"
                if not work.plan.error_code:
                    work.plan = replace(work.plan, error_code=PLAN_DEADLINE, error_message=message)
                work.plan = replace(work.plan, deadline=None)
                await flow.stop(work, code=PLAN_DEADLINE, message=message)
                await flow.settle(work)
        except NoSuchPlan:
            return 0
        return 1

    async def _settle(self, ticket_id: str, now: float) -> str | None:
        try:
            async with on_ticket(self._given, ticket_id, actor=REAPER, now=now) as (work, ticket):
                if ticket.due_at is None or ticket.due_at > now:
                    return None
                return await _BY_STATE[ticket.status](work, ticket) if ticket.status in _BY_STATE else None
        except NoSuchTicket:
            return None


async def _ready(work: Work, ticket: Ticket) -> str:
    await flow.react(work, work.move(ticket, machine.NotStarted()))
    return "ended"


async def _retrying(work: Work, ticket: Ticket) -> str:
    work.move(ticket, machine.Due())
    return "ready"


async def _leased(work: Work, ticket: Ticket) -> str:
    await ending.end(work, ticket, _lost(work, ticket, LEASE_EXPIRED, "the worker never began"), "lost")
    return "lost"


async def _running(work: Work, ticket: Ticket) -> str:
    if ticket.lease_until is not None and ticket.lease_until <= work.now:
        message = f"{ticket.allocated_agent_id} was not heard of any more"
        await ending.end(work, ticket, _lost(work, ticket, HEARTBEAT_TIMEOUT, message), "lost")
        return "lost"
    limit = ticket.sla_timeout_ms / 1000
    again = backoff.delay(ticket.retry_count, work.given.rng)
    failed = machine.Failed(START_TO_CLOSE, f"it took longer than {limit:g} s", delay=again)
    await ending.end(work, ticket, failed, "timed_out")
    return "timed_out"


async def _compensating(work: Work, ticket: Ticket) -> str:
    if ticket.lease_token is None:
        work.move(ticket, machine.Due())
        return "ready"
    return await (_running if ticket.begun else _leased)(work, ticket)


async def _cancelling(work: Work, ticket: Ticket) -> str:
    await ending.end(work, ticket, machine.Stopped(), "cancelled")
    return "ended"


async def _frozen(work: Work, ticket: Ticket) -> str | None:
    if await consenting.ask(work.unit.connection, work.given.consent, ticket) is None:
        work.move(ticket, machine.Released())
        return "ready"
    work.keep(ticket, replace(ticket, due_at=work.now + machine.HELD_SECONDS))
    return None


def _lost(work: Work, ticket: Ticket, code: str, message: str) -> machine.Lost:
    return machine.Lost(code, message, delay=backoff.delay(ticket.losses, work.given.rng))


_BY_STATE: Final[dict[TicketState, Callable[[Work, Ticket], Awaitable[str | None]]]] = {
    S.READY: _ready,
    S.RETRYING: _retrying,
    S.LEASED: _leased,
    S.RUNNING: _running,
    S.COMPENSATING: _compensating,
    S.CANCELLING: _cancelling,
    S.FROZEN: _frozen,
}
