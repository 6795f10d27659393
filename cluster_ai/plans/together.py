"""Several reports of one plan's attempts in one unit of work: each is judged by itself, and they are stored at once."""

from collections.abc import Iterable
from typing import Final

from cluster_ai.core.errors import ClusterError
from cluster_ai.plans import ending, fencing, flow, machine, pipelines
from cluster_ai.plans.judging import Word
from cluster_ai.plans.records import Allowed, Done, Fence, Ticket
from cluster_ai.plans.tables import histories
from cluster_ai.plans.types import IllegalTransition, StaleAttempt
from cluster_ai.plans.words import TicketState
from cluster_ai.plans.work import Work

S = TicketState
REFUSED: Final = (StaleAttempt, IllegalTransition)
"""What is wrong with one report, and with no other that came with it."""


async def start(work: Work, asked: Iterable[tuple[int, Fence, Ticket]]) -> dict[int, Allowed | ClusterError]:
    """Attempts begin. ``asked``: (number, fence, ticket); the answers are by number."""
    answers: dict[int, Allowed | ClusterError] = {}
    began: list[tuple[str, int]] = []
    until = work.now + work.given.lease_seconds
    for number, fence, found in asked:
        ticket = work.standing(found)
        try:
            fencing.check(ticket, fence)
            if not ticket.begun and ticket.status is not S.CANCELLING:
                work.actor = _agent(fence)
                ticket = work.move(ticket, machine.Started(until), agent=ticket.allocated_agent_id)
                flow.begin(work)
                began.append((ticket.ticket_id, ticket.attempt))
        except REFUSED as exc:
            answers[number] = exc
            continue
        report = await pipelines.report_for(work.unit.connection, work.given, ticket)
        answers[number] = Allowed(ticket, until, report)
    await histories.attempts_started(work.unit.connection, began, work.now)
    return answers


async def end(work: Work, asked: Iterable[tuple[int, Word, Ticket]]) -> dict[int, Done | ClusterError]:
    """Attempts end, in this order. ``asked``: (number, report, ticket); the answers are by number."""
    answers: dict[int, Done | ClusterError] = {}
    ends = ending.Ends(work)
    for number, word, found in asked:
        try:
            answers[number] = await _ended(work, ends, word, work.standing(found))
        except REFUSED as exc:
            answers[number] = exc
    await ends.settle()
    return answers


async def _ended(work: Work, ends: ending.Ends, word: Word, ticket: Ticket) -> Done:
    if not fencing.holds(ticket, word.fence):
        # It may be the same report twice, and the first of them came in the same breath.
        await ends.note()
        return await fencing.known(work, ticket, word.fence, word.outcome)
    work.actor = _agent(word.fence)
    is_cancelled = ticket.status is S.CANCELLING and word.outcome != "succeeded"
    after = await ends.add(ticket, word.event(ticket), "cancelled" if is_cancelled else word.outcome)
    return Done(status=after.status, plan_id=ticket.plan_id, kind=ticket.task_type)


def _agent(fence: Fence) -> str:
    return f"attempt {fence.attempt}"
