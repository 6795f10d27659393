"""What a dispatcher asks for: tickets that are ready, leases on them, and what the clock brings about.

Any number of dispatchers may ask at once: a lease is given to one of them, and the fence of that lease is what every
report is held against.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from cluster_ai.core.outbox import Unit, unit
from cluster_ai.plans import consenting, fencing, machine, score
from cluster_ai.plans.given import Given
from cluster_ai.plans.holding import on_ticket
from cluster_ai.plans.records import Attempt, Fence, Leased, Plan, Ticket
from cluster_ai.plans.tables import histories, rows, tickets
from cluster_ai.plans.words import TicketState
from cluster_ai.plans.work import Work

DISPATCHER: Final = "dispatcher"
NO_PLAN: Final = Plan(plan_id="", owner="", name="")
"""A lease and a hold change no counter: plans are not held for them."""
MOST_WAIT: Final = 3600.0
"""No ticket waits longer for its next attempt, whatever an executor asked for."""


class Queue:
    """The dispatcher's side."""

    def __init__(self, given: Given) -> None:
        self._given = given

    async def ready(self, now: float, limit: int) -> tuple[Ticket, ...]:
        """What may be leased, the highest score first: of the highest rank and of those that have waited longest."""
        async with self._given.database.read() as connection:
            found = await tickets.queued(connection, limit)
        found.sort(key=lambda ticket: (-score.score(ticket, now), ticket.created_at, ticket.ticket_id))
        return tuple(found)

    async def lease(self, ticket_id: str, worker: str, now: float, seconds: float) -> Leased | None:
        """The ticket for ``worker`` until ``now + seconds``; None: somebody else won, or it may not go on now."""
        (leased,) = await self.lease_many(((ticket_id, worker),), now, seconds)
        return leased

    async def lease_many(self, wanted: Sequence[tuple[str, str]], now: float, seconds: float) -> list[Leased | None]:
        """``wanted``: (ticket, worker). Each as ``lease`` would answer, all in one unit of work: of a program that is
        killed in between, they are all leased or none is.
        """
        async with unit(self._given.database, self._given.tell) as opened:
            free = await tickets.free_tickets(opened.connection, (ticket_id for ticket_id, _ in wanted))
            free = {one: ticket for one, ticket in free.items() if ticket.queued is not None}
            free = await self._unstopped(opened, free)
            work = Work(opened, self._given, plan=NO_PLAN, actor=DISPATCHER, now=now)
            given: list[tuple[Leased, Attempt] | None] = []
            for ticket_id, worker in wanted:
                # Popped: who is named twice is leased once.
                ticket = free.pop(ticket_id, None)
                may_go = ticket is not None and not await self._is_frozen(work, ticket)
                given.append(self._leased(work, ticket, worker, now + seconds) if ticket and may_go else None)
            await work.store()
            await histories.add_attempts(opened.connection, [one[1] for one in given if one is not None])
        return [None if one is None else one[0] for one in given]

    async def freeze(self, ticket_id: str, now: float) -> bool:
        """Holds what waits for a worker if a freeze forbids it; whether it does."""
        async with unit(self._given.database, self._given.tell) as opened:
            ticket = (await tickets.free_tickets(opened.connection, (ticket_id,))).get(ticket_id)
            if ticket is None or ticket.queued is None:
                return False
            work = Work(opened, self._given, plan=NO_PLAN, actor=DISPATCHER, now=now)
            is_frozen = await self._is_frozen(work, ticket)
            await work.store()
        return is_frozen

    async def thaw(self, now: float) -> None:
        """Whatever a freeze holds is asked about again with the next ``reap``: one may have been lifted."""
        async with self._given.database.transaction() as connection:
            await tickets.ask_again(connection, consenting.FROZEN, now)

    async def hold(self, ticket_id: str, reason: str, *, by: str = DISPATCHER, code: str = "held") -> Ticket:
        """Nobody gets it until it is let go.

        Raises:
            IllegalTransition: it runs already, or has ended.
        """
        async with on_ticket(self._given, ticket_id, actor=by) as (work, ticket):
            return work.move(ticket, machine.Held(reason, code=code))

    async def unhold(self, ticket_id: str, *, by: str = DISPATCHER) -> Ticket:
        """Lets it go on from where it was held.

        Raises:
            Frozen: a freeze still forbids it.
            IllegalTransition: nobody holds it.
        """
        async with on_ticket(self._given, ticket_id, actor=by) as (work, ticket):
            if (frozen := await consenting.ask(work.unit.connection, self._given.consent, ticket)) is not None:
                raise frozen
            return work.move(ticket, machine.Released())

    async def extend_leases(self, now: float, seconds: float) -> int:
        """Gives every lease until ``now + seconds``, once, at a start: workers were not able to say anything.

        Also mends what a clock that was set back would make wait for too long. Answers how many leases there are.
        """
        async with self._given.database.transaction() as connection:
            live = [(ticket, _alive(ticket, now, seconds)) for ticket in await tickets.leases(connection)]
            late = [(ticket, _sooner(ticket, now)) for ticket in await tickets.waits(connection)]
            await rows.store_tickets(connection, live + [pair for pair in late if pair[1].lease_token is None])
        return len(live)

    # -- inside

    async def _unstopped(self, opened: Unit, free: Mapping[str, Ticket]) -> dict[str, Ticket]:
        """Without those whose plan or kind was paused at the very moment: they leave the queue."""
        stopped = await tickets.stopped(opened.connection, free.values())
        await rows.store_tickets(
            opened.connection, [(free[one], replace(free[one], parked=True, queued=None)) for one in stopped]
        )
        return {one: ticket for one, ticket in free.items() if one not in stopped}

    async def _is_frozen(self, work: Work, ticket: Ticket) -> bool:
        """Asked in the unit of work that acts; then it is held, with the reason."""
        frozen = await consenting.ask(work.unit.connection, self._given.consent, ticket)
        if frozen is None:
            return False
        work.move(ticket, machine.Held(frozen.message, code=frozen.code), **dict(frozen.values))
        return True

    def _leased(self, work: Work, ticket: Ticket, worker: str, until: float) -> tuple[Leased, Attempt]:
        secret = secrets.token_hex(16)
        undoes = ticket.status is TicketState.COMPENSATING
        after = work.move(ticket, machine.Leased(worker, secret, until))
        fence = Fence(after.ticket_id, after.attempt, secret)
        attempt = Attempt(
            ticket_id=after.ticket_id,
            n=after.attempt,
            agent_id=worker,
            undoes=undoes,
            token_hash=fencing.hash_of(secret),
            leased_at=work.now,
        )
        return Leased(after, after.attempt, fencing.signed(self._given, fence, until, work.now)), attempt


def _alive(ticket: Ticket, now: float, seconds: float) -> Ticket:
    began = None if ticket.begun_at is None else min(ticket.begun_at, now)
    by = None if ticket.cancel_by is None else min(ticket.cancel_by, now + MOST_WAIT)
    longer = replace(ticket, lease_until=now + seconds, begun_at=began, cancel_by=by)
    return replace(longer, due_at=machine.due(longer))


def _sooner(ticket: Ticket, now: float) -> Ticket:
    """Waits no longer than it was to wait when that began, whatever the clock shows now."""
    until = ticket.not_before or now
    sooner = replace(ticket, not_before=min(until, now + min(MOST_WAIT, max(0.0, until - ticket.updated_at))))
    return replace(sooner, due_at=machine.due(sooner))
