"""The worker's side: an attempt begins, says that it lives, and ends. Every report is held against the lease's fence.

A report that comes twice is answered twice the same way; one of an attempt that was taken over is refused, and changes
nothing.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from cluster_ai.core.outbox import unit
from cluster_ai.executors.contract import Artefact, Result
from cluster_ai.plans import backoff, ending, fencing, flow, machine, pipelines, types, words
from cluster_ai.plans.given import Given
from cluster_ai.plans.holding import no_ticket, on_ticket
from cluster_ai.plans.records import Done, Fence, Ticket, Wanted
from cluster_ai.plans.results import Kept
from cluster_ai.plans.tables import histories, tickets

S = words.TicketState
Judge = Callable[[Ticket], machine.Event]


class Reports:
    """What workers say of their attempts. ``Fence`` comes from the token that came with the lease."""

    def __init__(self, given: Given) -> None:
        self._given = given

    async def start(self, fence: Fence) -> Wanted:
        """The attempt begins: from here on it may have effects. Told to cancel, it must not begin.

        Raises:
            StaleAttempt: another attempt has taken over.
        """
        given = self._given
        async with on_ticket(given, fence.ticket_id, actor=_agent(fence)) as (work, found):
            fencing.check(found, fence)
            ticket = found
            until = work.now + given.lease_seconds
            if not ticket.begun and ticket.status is not S.CANCELLING:
                ticket = work.move(ticket, machine.Started(until), agent=ticket.allocated_agent_id)
                flow.begin(work)
                await histories.attempt_started(work.unit.connection, ticket.ticket_id, ticket.attempt, work.now)
            report = await pipelines.report_for(work.unit.connection, given, ticket)
        return replace(fencing.wanted(given, ticket, fence, until), report=report)

    async def beat(self, fence: Fence, *, progress: float | None = None, note: str = "") -> Wanted:
        """The attempt lives: its lease is as long as a new one. ``progress``: 0 to 1.

        Raises:
            StaleAttempt: as ``start``; the worker throws away what it did.
        """
        given = self._given
        async with unit(given.database, given.tell) as opened:
            ticket = await tickets.ticket(opened.connection, fence.ticket_id, hold=True)
            if ticket is None:
                raise no_ticket(fence.ticket_id)
            fencing.check(ticket, fence)
            now = given.now()
            until = now + given.lease_seconds
            share = ticket.progress if progress is None else min(1.0, max(0.0, progress))
            alive = replace(ticket, lease_until=until, progress=share, note=note[:256] or ticket.note, updated_at=now)
            await tickets.beat(opened.connection, replace(alive, due_at=machine.due(alive)))
            report = await pipelines.report_for(opened.connection, given, ticket)
        return replace(fencing.wanted(given, ticket, fence, until), report=report)

    async def progress(self, fence: Fence, share: float, note: str = "") -> Wanted:
        """As ``beat``."""
        return await self.beat(fence, progress=share, note=note)

    async def complete(self, fence: Fence, result: Result) -> Done:
        """The attempt has ended. One that failed is tried again, or not, as its ticket says.

        In one unit of work: the fence, the state, what depends on it, what became ready, events and the seal.

        Raises:
            StaleAttempt: another attempt has taken over.
            IllegalTransition: it never began.
            InvalidInput: the result is no JSON, or too large.
        """
        if not result.ok:
            return await self.fail(fence, result)
        results = self._given.results
        if (kept := results.small(result.value)) is None:
            plan_id = await self._plan_id(fence)
            name = f"{fence.ticket_id}-{fence.attempt}"
            kept = await asyncio.to_thread(results.keep, result.value, plan_id=plan_id, name=name)
        finished = _finished(kept, result.artefacts)
        try:
            return await self._close(fence, lambda _ticket: finished, "succeeded")
        except (types.StaleAttempt, types.IllegalTransition):
            # No row names the file; one of the same attempt and content would have been no news.
            await asyncio.to_thread(results.remove, kept)
            raise

    async def fail(self, fence: Fence, result: Result) -> Done:
        """The same for an attempt that failed; ``result.code`` says how."""
        rng = self._given.rng

        def failed(ticket: Ticket) -> machine.Event:
            wait = backoff.wanted(result.retry_after, ticket.retry_count, rng)
            code = (result.code or "failed")[:64]
            return machine.Failed(code, result.error[:1024], retryable=result.retryable, delay=wait)

        return await self._close(fence, failed, "failed")

    # -- inside

    async def _close(self, fence: Fence, judge: Judge, outcome: str) -> Done:
        async with on_ticket(self._given, fence.ticket_id, actor=_agent(fence)) as (work, ticket):
            if not fencing.holds(ticket, fence):
                return await fencing.known(work, ticket, fence, outcome)
            if ticket.status is S.CANCELLING and outcome == "failed":
                outcome = "cancelled"
            after = await ending.end(work, ticket, judge(ticket), outcome)
        return Done(status=after.status)

    async def _plan_id(self, fence: Fence) -> str:
        async with self._given.database.read() as connection:
            found = await tickets.ticket(connection, fence.ticket_id)
        if found is None:
            raise no_ticket(fence.ticket_id)
        return found.plan_id


def _finished(kept: Kept, artefacts: tuple[Artefact, ...]) -> machine.Finished:
    named = tuple(one.model_dump() for one in artefacts)
    return machine.Finished(kept.value, kept.uri, kept.sha256, kept.size, named)


def _agent(fence: Fence) -> str:
    return f"attempt {fence.attempt}"
