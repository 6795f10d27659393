"""Plans as people and programs manage them. Every method is one unit of work."""

import asyncio
from dataclasses import replace
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core import db_errors, outbox, tracing
from cluster_ai.plans import consenting, flow, graph, machine, receivers, replaying, storing, views
from cluster_ai.plans.given import Given
from cluster_ai.plans.holding import on_plan
from cluster_ai.plans.preparing import Origin, Prepared, body_hash, checked, prepared
from cluster_ai.plans.tables import plans, tickets
from cluster_ai.plans.types import Accepted, IllegalTransition, KeyReused, NewPlan, PlanView, Validated
from cluster_ai.plans.words import PlanState, TicketState

KEY_SECONDS: Final = 7 * 86_400.0
"""An idempotency key means the plan that it came with for so long."""
_MANY: Final = 100
"""Tickets that are made into rows off the loop."""


class Plans:
    """``owner``: whose plans a caller reaches; None: everybody's. ``by``: who did it, for the history."""

    def __init__(self, given: Given) -> None:
        self._given = given

    async def submit(self, new: NewPlan, *, owner: str) -> Accepted:
        """Accepts a plan; when this answers it is durable. The same key with the same body gives the first again.

        Raises:
            InvalidInput: the plan is none (a cycle, an unknown dependency, a wrong parameter), or a ticket wants to be
                told at an address that may not be called.
            KeyReused: the key stands for another body.
            Frozen: it deploys, and a freeze forbids that.
        """
        if (first := await self._first(new, owner)) is not None:
            return first
        ready = await self._prepared(new, Origin(owner, self._given.now(), trace=tracing.here()))
        try:
            return await self._store(ready)
        except db_errors.Duplicate:
            # Somebody sent the same at the same moment and was first. Theirs may not be committed yet: a unit of work
            # of our own comes after it, where a reader would not see it.
            async with self._given.database.transaction() as connection:
                first = await self._found(connection, new, owner)
            if first is None:
                raise
            return first

    async def validate(self, new: NewPlan) -> Validated:
        """C1 alone: what would be refused is refused, and nothing is stored."""
        built, _ = await asyncio.to_thread(checked, new, self._given)
        await receivers.check(new, self._given)
        durations = {ticket.id: ticket.estimated_duration_ms or 0 for ticket in new.tickets}
        path, total = graph.critical_path(built, durations)
        return Validated.of(levels=built.levels, path=path, critical_ms=total)

    async def remove(self, plan_id: str, *, owner: str | None) -> None:
        """Forgets a plan that has ended, with its results.

        Raises:
            IllegalTransition: it has not ended.
        """
        async with on_plan(self._given, plan_id, actor="", owner=owner) as work:
            if not work.plan.status.ended:
                raise IllegalTransition(
                    f"a plan that is {work.plan.status} cannot be forgotten", hint="cancel it first"
                )
            await plans.drop(work.unit.connection, plan_id)
        await asyncio.to_thread(self._given.results.drop_plan, plan_id)

    async def replay(self, plan_id: str, *, owner: str | None, by: str, start: str | None = None) -> Accepted:
        """The plan once more, as a new one. What succeeded and follows from nothing that is done again is taken over.

        ``start``: name or id of the ticket from which on all is done again.

        Raises:
            NoSuchPlan, NoSuchTicket: it is not there.
            Frozen: as ``submit``.
        """
        async with on_plan(self._given, plan_id, actor=by, owner=owner) as work:
            plan = work.plan
            old = await tickets.of_plan(work.unit.connection, plan_id)
            edges = await tickets.edges_of(work.unit.connection, plan_id)
        needs = replaying.needs_of(old, edges)
        again = replaying.again(old, needs, start)
        taken = {ticket.task_id: ticket for ticket in old if ticket.task_id not in again}
        origin = Origin(plan.owner, self._given.now(), replay_of=plan_id, reused=taken, trace=tracing.here())
        ready = await self._prepared(replaying.asked_again(plan, old, needs), origin)
        return await self._store(await asyncio.to_thread(storing.keep_results, self._given, ready))

    async def cancel(self, plan_id: str, *, owner: str | None, by: str, within: float = flow.STOP_SECONDS) -> PlanView:
        """Cancels what has not begun, and asks what runs to stop; what has not stopped after ``within`` seconds
        counts as cancelled, and its result is refused.

        Raises:
            IllegalTransition: the plan has ended.
        """
        async with on_plan(self._given, plan_id, actor=by, owner=owner) as work:
            flow.refuse_ended(work.plan, "cancelled")
            work.plan = replace(work.plan, status=PlanState.CANCELLING, paused=False)
            await flow.stop(work, code="cancelled", message=f"cancelled by {by}", within=within)
            await flow.settle(work)
        return views.plan_view(work.plan)

    async def pause(self, plan_id: str, *, owner: str | None, by: str) -> PlanView:
        """Gives no ticket of it to a worker any more; those that run go on."""
        async with on_plan(self._given, plan_id, actor=by, owner=owner) as work:
            if work.plan.status.ended:
                raise IllegalTransition(f"a plan that is {work.plan.status} cannot be paused")
            if not work.plan.paused:
                work.plan = replace(work.plan, paused=True)
                await tickets.park_plan(work.unit.connection, plan_id, kinds=(), paused=True)
                work.say("paused", by=by)
        return views.plan_view(work.plan)

    async def resume(self, plan_id: str, *, owner: str | None, by: str) -> PlanView:
        """Goes on with it, or begins it."""
        async with on_plan(self._given, plan_id, actor=by, owner=owner) as work:
            if work.plan.status.ended:
                raise IllegalTransition(f"a plan that is {work.plan.status} cannot be resumed")
            if work.plan.paused:
                connection = work.unit.connection
                work.plan = replace(work.plan, paused=False)
                await tickets.park_plan(connection, plan_id, kinds=await plans.paused(connection), paused=False)
                for one in await tickets.of_plan(connection, plan_id, states=(TicketState.PENDING,), hold=True):
                    work.move(one, machine.Begun())
                work.say("resumed", by=by)
        return views.plan_view(work.plan)

    async def note_steps(self, plan_id: str, steps: dict[str, float]) -> None:
        """Milliseconds of steps C1 to C6 (``c1`` ... ``c6``); later ones replace those of the same name."""
        async with on_plan(self._given, plan_id, actor="") as work:
            work.plan = replace(work.plan, steps=dict(work.plan.steps) | steps)

    # -- inside

    async def _prepared(self, new: NewPlan, origin: Origin) -> Prepared:
        began = self._given.now()
        if len(new.tickets) > _MANY:
            ready = await asyncio.to_thread(prepared, new, self._given, origin)
        else:
            ready = prepared(new, self._given, origin)
        await receivers.check(new, self._given)
        steps = {"c2": round((self._given.now() - began) * 1000, 3)}
        return replace(ready, plan=replace(ready.plan, steps=steps))

    async def _store(self, ready: Prepared) -> Accepted:
        async with outbox.unit(self._given.database, self._given.tell) as opened:
            for wanted in consenting.deeds(ready.tickets):
                await self._given.consent(opened.connection, wanted)
            await storing.store_new(opened, self._given, ready)
        return Accepted(plan=views.plan_view(ready.plan), ticket_ids=ready.ids)

    async def _first(self, new: NewPlan, owner: str) -> Accepted | None:
        """What was accepted under this key before, unless that is too long ago."""
        if new.idempotency_key is None:
            return None
        async with self._given.database.read() as connection:
            first = await self._found(connection, new, owner)
        if first is None or first.plan.created_at >= self._given.now() - KEY_SECONDS:
            return first
        async with self._given.database.transaction() as connection:
            await plans.forget_key(connection, first.plan.plan_id)
        return None

    async def _found(self, connection: AsyncConnection, new: NewPlan, owner: str) -> Accepted | None:
        found = await plans.plan_of_key(connection, owner, new.idempotency_key or "")
        if found is None:
            return None
        rows = await tickets.names_of(connection, found.plan_id)
        in_force = found.created_at >= self._given.now() - KEY_SECONDS
        if in_force and found.body_hash != body_hash(new):
            raise KeyReused(
                "this idempotency key came with another plan before",
                path="idempotency_key",
                hint="draw a new key for a new plan",
            )
        return Accepted(plan=views.plan_view(found), ticket_ids=dict(rows), is_first=False)
