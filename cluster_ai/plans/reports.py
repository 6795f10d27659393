"""The worker's side: an attempt begins, says that it lives, and ends. Every report is held against the lease's fence.

A report that comes twice is answered twice the same way; one of an attempt that was taken over is refused, and changes
nothing. What several say at once is one unit of work for each plan of theirs; each is answered by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from cluster_ai.core.errors import ClusterError
from cluster_ai.core.outbox import unit
from cluster_ai.executors.contract import Result
from cluster_ai.plans import fencing, judging, machine, pipelines, together, work
from cluster_ai.plans.given import Given
from cluster_ai.plans.holding import by_plan, no_ticket
from cluster_ai.plans.records import Allowed, Done, End, Fence, Ticket, Wanted
from cluster_ai.plans.tables import tickets

T = TypeVar("T")


class Reports:
    """What workers say of their attempts. ``Fence`` comes from the token that came with the lease."""

    def __init__(self, given: Given) -> None:
        self._given = given

    async def start(self, fence: Fence) -> Wanted:
        """The attempt begins: from here on it may have effects. Told to cancel, it must not begin.

        Raises:
            StaleAttempt: another attempt has taken over.
        """
        allowed = _sole(await self.start_many((fence,)))
        wanted = fencing.wanted(self._given, allowed.ticket, fence, allowed.lease_until)
        return replace(wanted, report=allowed.report)

    async def start_many(self, fences: Sequence[Fence]) -> list[Allowed | ClusterError]:
        """As ``start``, for several: an answer or a refusal for each, in their order."""
        answers: dict[int, Allowed | ClusterError] = {}

        async def act(on_plan: work.Work, found: Mapping[str, Ticket]) -> None:
            asked = [(number, one, found[one.ticket_id]) for number, one in numbered if one.ticket_id in found]
            answers.update(await together.start(on_plan, asked))

        numbered = list(enumerate(fences))
        await by_plan(self._given, [fence.ticket_id for fence in fences], act)
        return [answers.get(number, no_ticket(fence.ticket_id)) for number, fence in numbered]

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
        return _sole(await self.end_many((End(fence, result),)))

    async def fail(self, fence: Fence, result: Result) -> Done:
        """The same for an attempt that failed; ``result.code`` says how."""
        return await self.complete(fence, result)

    async def end_many(self, ends: Sequence[End]) -> list[Done | ClusterError]:
        """As ``complete`` and ``fail``, for several: an answer or a refusal for each, in their order.

        What comes of them is what would come of them one after the other. When this process is killed meanwhile, all
        of a plan's are stored or none: the same reports once more are answered with ``dup``, or taken.
        """
        words = [await judging.judged(self._given, end) for end in ends]
        numbered = [(number, word) for number, word in enumerate(words) if isinstance(word, judging.Word)]
        answers: dict[int, Done | ClusterError] = {
            number: word for number, word in enumerate(words) if isinstance(word, ClusterError)
        }

        async def act(on_plan: work.Work, found: Mapping[str, Ticket]) -> None:
            asked = [(n, one, found[one.fence.ticket_id]) for n, one in numbered if one.fence.ticket_id in found]
            answers.update(await together.end(on_plan, asked))

        await by_plan(self._given, [word.fence.ticket_id for _, word in numbered], act)
        refused = [word for number, word in numbered if isinstance(answers.get(number), ClusterError | None)]
        await judging.tidy(self._given, refused)
        return [answers.get(number, no_ticket(end.fence.ticket_id)) for number, end in enumerate(ends)]


def _sole(answers: Sequence[T | ClusterError]) -> T:
    (answer,) = answers
    if isinstance(answer, ClusterError):
        raise answer
    return answer
