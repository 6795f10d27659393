"""What follows when a ticket ends: others become ready, are skipped, cancelled or undone, and the plan ends."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from cluster_ai.plans import graph
from cluster_ai.plans.machine import CancelAsked, Met, Skipped, UndoAsked, can
from cluster_ai.plans.records import Plan, Ticket
from cluster_ai.plans.tables import tickets
from cluster_ai.plans.types import IllegalTransition
from cluster_ai.plans.words import OPEN, FailurePolicy, PlanState, TicketState
from cluster_ai.plans.work import Work

P, S = PlanState, TicketState
STOP_SECONDS: Final = 30.0
"""A worker has this long to stop: a third of a lease until it hears, and its grace."""
_TOLD: Final = {
    P.SUCCEEDED: "completed",
    P.FAILED: "failed",
    P.CANCELLED: "cancelled",
    P.COMPENSATED: "compensated",
}


async def react(work: Work, ticket: Ticket) -> None:
    """Everything that follows from how ``ticket`` stands now; nothing when it has not ended."""
    match ticket.status:
        case S.SUCCEEDED:
            await feed(work, (ticket.ticket_id,))
        case S.FAILED | S.DEAD if work.plan.status is P.COMPENSATING:
            work.plan = replace(
                work.plan,
                error_code="compensation_failed",
                error_message=f"{ticket.task_id} could not be undone: {ticket.error_message}"[:1024],
            )
        case S.FAILED | S.DEAD:
            await _failed(work, ticket)
        case S.CANCELLED:
            await _leave_out(work, ticket)
    await settle(work)


async def feed(work: Work, done: Sequence[str]) -> None:
    """What waited for tickets that have succeeded, and for nothing else, may go. Moves of what waits are stored before:
    it is counted in the tables.
    """
    for next_one in await tickets.met(work.unit.connection, done):
        work.move(next_one, Met())


async def stop(work: Work, *, code: str, message: str, within: float = STOP_SECONDS) -> None:
    """Cancels all that has not ended."""
    for one in await tickets.of_plan(work.unit.connection, work.plan.plan_id, states=OPEN, hold=True):
        asked = CancelAsked(work.now + within, code, message)
        if can(work.standing(one), asked):
            work.move(one, asked)


async def settle(work: Work) -> None:
    """Ends the plan when all of its tickets have; or begins to undo them, level by level, the last first."""
    while not work.plan.open_tickets and not work.plan.status.ended:
        after = verdict(work.plan)
        if after is not P.COMPENSATING:
            _end(work, after)
            return
        await _sync(work)
        level = await tickets.deepest_done(work.unit.connection, work.plan.plan_id)
        if not level:
            _end(work, P.FAILED if work.plan.error_code == "compensation_failed" else P.COMPENSATED)
            return
        work.plan = replace(work.plan, status=P.COMPENSATING, deadline=None)
        for one in level:
            work.move(one, UndoAsked())


def verdict(plan: Plan) -> PlanState:
    """What a plan becomes whose tickets have all ended."""
    if plan.status is P.CANCELLING:
        return P.CANCELLED
    if plan.status is P.COMPENSATING:
        return P.COMPENSATING
    if plan.failed or plan.error_code:
        undo = plan.failure_policy == FailurePolicy.COMPENSATE and plan.succeeded
        return P.COMPENSATING if undo else P.FAILED
    return P.CANCELLED if plan.cancelled else P.SUCCEEDED


def begin(work: Work) -> None:
    """Something of the plan has begun."""
    if work.plan.status is P.SUBMITTED:
        work.plan = replace(work.plan, status=P.RUNNING, started_at=work.now)
        work.say("started")


async def _sync(work: Work) -> None:
    """What was moved so far is looked for in the tables next."""
    await work.store()


async def _failed(work: Work, ticket: Ticket) -> None:
    message = f"{ticket.task_id} {ticket.status}: {ticket.error_code}"
    if work.plan.failure_policy == FailurePolicy.CONTINUE:
        for one in await _following(work, ticket):
            if can(work.standing(one), Skipped()):
                work.move(one, Skipped(message))
        return
    work.plan = replace(work.plan, error_code=ticket.error_code, error_message=ticket.error_message)
    await stop(work, code="plan_failed", message=message)


async def _leave_out(work: Work, ticket: Ticket) -> None:
    """Nothing that depends on a cancelled ticket can ever be done."""
    asked = CancelAsked(work.now, "upstream_cancelled", f"{ticket.task_id} was cancelled")
    for one in await _following(work, ticket):
        if can(work.standing(one), asked):
            work.move(one, asked)


async def _following(work: Work, ticket: Ticket) -> list[Ticket]:
    """What depends on ``ticket``, directly or not, and has not been ended here.

    Many may fail in one unit of work: what follows all of them is read once, or its time would not do.
    """
    connection = work.unit.connection
    if work.feeds is None:
        work.feeds = {}
        for one, needed in await tickets.edges_of(connection, ticket.plan_id):
            work.feeds.setdefault(needed, []).append(one)
    reached = graph.reached(work.feeds, (ticket.ticket_id,))
    return await tickets.by_ids(connection, sorted(one for one in reached if not work.has_ended(one)), hold=True)


def _end(work: Work, status: PlanState) -> None:
    work.plan = replace(work.plan, status=status, finished_at=work.now, deadline=None)
    work.say(
        _TOLD[status],
        tickets=work.plan.tickets,
        succeeded=work.plan.succeeded,
        failed=work.plan.failed,
        cancelled=work.plan.cancelled,
        error_code=work.plan.error_code,
        seconds=round(work.now - work.plan.created_at, 3),
    )


def refuse_ended(plan: Plan, deed: str) -> None:
    """Raises IllegalTransition when nothing more happens to the plan."""
    if plan.status.ended or plan.status is P.COMPENSATING:
        raise IllegalTransition(f"a plan that is {plan.status} cannot be {deed}", values={"state": plan.status.value})
