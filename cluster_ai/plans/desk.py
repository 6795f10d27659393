"""Tickets as people and programs manage them. Every method is one unit of work."""

from dataclasses import replace
from typing import Final

from cluster_ai.plans import consenting, flow, graph, machine, tokens, views
from cluster_ai.plans.given import Given
from cluster_ai.plans.holding import changed, no_ticket, on_ticket
from cluster_ai.plans.records import Fence, Ticket
from cluster_ai.plans.tables import pipelines, plans, tickets
from cluster_ai.plans.types import IllegalTransition, TicketView
from cluster_ai.plans.words import LOST_CAUSE, PlanState, TaskType, TicketState
from cluster_ai.plans.work import Work

S = TicketState
TOKEN_SECONDS: Final = 900.0
"""A token that may only read lives for so long."""
MOST_REVIVED: Final = 500
_BACK: Final = ("plan_failed", "upstream_failed", "upstream_cancelled", "plan_deadline")
"""Why tickets were left out that come back with the one that is revived."""


class Tickets:
    """``owner``: whose tickets a caller reaches; None: everybody's. ``revision``: how the caller saw it, if that
    matters to them.
    """

    def __init__(self, given: Given) -> None:
        self._given = given

    async def cancel(
        self,
        ticket_id: str,
        *,
        owner: str | None,
        by: str,
        within: float = flow.STOP_SECONDS,
        revision: int | None = None,
    ) -> TicketView:
        """Cancels it, and what depends on it; one that runs is asked to stop and has ``within`` seconds for that.

        Raises:
            IllegalTransition: it has ended.
            Changed: it is not any more as the caller saw it.
        """
        async with on_ticket(self._given, ticket_id, actor=by, owner=owner) as (work, found):
            _as_seen(found, revision)
            asked = machine.CancelAsked(work.now + within, "cancelled", f"cancelled by {by}")
            ticket = work.move(found, asked)
            await flow.react(work, ticket)
        return views.ticket_view(work.standing(ticket))

    async def retry(self, ticket_id: str, *, owner: str | None, by: str, revision: int | None = None) -> TicketView:
        """Tries again what failed, died or was cancelled, with fresh budgets; what was left out with it comes back.

        Raises:
            IllegalTransition: it has not failed, or its plan is being undone.
            Frozen: it deploys, and a freeze forbids that.
            Changed: as ``cancel``.
        """
        async with on_ticket(self._given, ticket_id, actor=by, owner=owner) as (work, found):
            _as_seen(found, revision)
            if (frozen := await consenting.ask(work.unit.connection, self._given.consent, found)) is not None:
                raise frozen
            ticket = await _revive(work, found)
        return views.ticket_view(work.standing(ticket))

    async def revive(
        self, *, owner: str | None, by: str, plan_id: str | None = None, code: str | None = None
    ) -> tuple[str, ...]:
        """Tries again up to 500 dead tickets, of one plan or with one error code; answers their ids."""
        wanted = {"status": S.DEAD.value}
        wanted |= {name: value for name, value in (("owner", owner), ("plan_id", plan_id)) if value is not None}
        async with self._given.database.read() as connection:
            found = await tickets.page(connection, wanted, after=None, limit=MOST_REVIVED)
        done: list[str] = []
        for ticket in found:
            if code is not None and ticket.error_code != code:
                continue
            try:
                await self.retry(ticket.ticket_id, owner=owner, by=by)
            except IllegalTransition:
                # Its plan is being undone, or somebody was faster.
                continue
            done.append(ticket.ticket_id)
        return tuple(done)

    async def hold(
        self, ticket_id: str, *, owner: str | None, by: str, reason: str = "", revision: int | None = None
    ) -> TicketView:
        """Nobody gets it until it is let go."""
        async with on_ticket(self._given, ticket_id, actor=by, owner=owner) as (work, found):
            _as_seen(found, revision)
            ticket = work.move(found, machine.Held(reason or f"held by {by}"))
        return views.ticket_view(ticket)

    async def unhold(self, ticket_id: str, *, owner: str | None, by: str, revision: int | None = None) -> TicketView:
        """Lets it go on.

        Raises:
            Frozen: a freeze still forbids it.
        """
        async with on_ticket(self._given, ticket_id, actor=by, owner=owner) as (work, found):
            _as_seen(found, revision)
            if (frozen := await consenting.ask(work.unit.connection, self._given.consent, found)) is not None:
                raise frozen
            ticket = work.move(found, machine.Released())
        return views.ticket_view(ticket)

    async def make_ready(
        self, ticket_id: str, *, owner: str | None, by: str, revision: int | None = None
    ) -> TicketView:
        """Lets go what is held, and tries again what has ended."""
        async with self._given.database.read() as connection:
            found = await tickets.ticket(connection, ticket_id)
        is_held = found is not None and found.status is S.FROZEN
        return await (self.unhold if is_held else self.retry)(ticket_id, owner=owner, by=by, revision=revision)

    async def token(self, ticket_id: str, *, owner: str | None) -> tuple[str, float]:
        """A token that may read this ticket and do nothing, and when it ends."""
        async with self._given.database.read() as connection:
            found = await tickets.ticket(connection, ticket_id)
        if found is None or owner not in (None, found.owner):
            raise no_ticket(ticket_id)
        now = self._given.now()
        until = now + TOKEN_SECONDS
        fence = Fence(ticket_id, found.attempt, "")
        return self._given.keys.sign(fence, until=until, now=now, jti=self._given.new_id(), scope=tokens.READ), until

    async def pause_kind(self, kind: TaskType, *, by: str) -> None:
        """Gives no ticket of that kind to a worker any more."""
        async with self._given.database.transaction() as connection:
            await plans.pause_kind(connection, kind.value, by=by, now=self._given.now())
            await tickets.park_kind(connection, kind.value, paused=True)

    async def resume_kind(self, kind: TaskType) -> None:
        async with self._given.database.transaction() as connection:
            await plans.resume_kind(connection, kind.value)
            await tickets.park_kind(connection, kind.value, paused=False)

    async def paused_kinds(self) -> dict[str, str]:
        """Kinds that are paused, with who did it."""
        async with self._given.database.read() as connection:
            return await plans.paused(connection)


async def _revive(work: Work, ticket: Ticket) -> Ticket:
    """The ticket again, with those that were left out because of it, and its plan with them."""
    if work.plan.status in (PlanState.COMPENSATING, PlanState.COMPENSATED, PlanState.CANCELLING):
        raise IllegalTransition(
            f"a plan that is {work.plan.status} takes nothing back", hint="replay the plan: cluster-ai plan replay"
        )
    connection = work.unit.connection
    whole = {one.ticket_id: one for one in await tickets.of_plan(connection, ticket.plan_id, hold=True)}
    needs: dict[str, list[str]] = {}
    feeds: dict[str, list[str]] = {}
    for one, needed in await tickets.edges_of(connection, ticket.plan_id):
        needs.setdefault(one, []).append(needed)
        feeds.setdefault(needed, []).append(one)
    back = _with_the_left_out(ticket, whole, feeds)
    await pipelines.forget_failures(connection, back)
    for one in back:
        pending = sum(whole[need].status is not S.SUCCEEDED for need in needs.get(one, ()))
        work.move(whole[one], machine.Revived(pending))
    if work.plan.status.ended or work.plan.error_code:
        plan = replace(work.plan, error_code="", error_message="", finished_at=None)
        work.plan = replace(plan, status=PlanState.RUNNING if plan.started_at else PlanState.SUBMITTED)
    return work.standing(ticket)


def _with_the_left_out(ticket: Ticket, whole: dict[str, Ticket], feeds: dict[str, list[str]]) -> list[str]:
    """Ids in the plan's order: the ticket, and what was left out unless another lost cause stands before it."""
    left_out = {one.ticket_id for one in whole.values() if one.status in (S.CANCELLED, S.SKIPPED)}
    left_out = {one for one in left_out if whole[one].error_code in _BACK}
    causes = [one.ticket_id for one in whole.values() if one.status in LOST_CAUSE and one.ticket_id != ticket.ticket_id]
    blocked = graph.reached(feeds, causes)
    back = (left_out - blocked) | {ticket.ticket_id}
    return [one.ticket_id for one in whole.values() if one.ticket_id in back]


def _as_seen(ticket: Ticket, revision: int | None) -> None:
    if revision is not None and ticket.chain_seq != revision:
        raise changed(ticket)
