"""Freezes: the policies that make them, the deeds that they refuse, and who lets something through all the same."""

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.consent import Deed, Outlook
from cluster_ai.core.errors import Conflict, Forbidden, NotFound
from cluster_ai.core.outbox import Unit, unit
from cluster_ai.slo import consenting, notice, tables
from cluster_ai.slo.freezing import Seen, Standing, Step, follows, next_step, why
from cluster_ai.slo.given import Given
from cluster_ai.slo.held import Held, in_force, outlook, seen
from cluster_ai.slo.types import (
    FreezeScope,
    FreezeView,
    NewOverride,
    ObjectiveView,
    OverrideView,
    PolicyView,
)

log = structlog.get_logger(__name__)

_LEAST_HELD_OFF: Final = 60.0


class FreezeNotFound(NotFound):
    """No freeze has that id."""

    code = "freeze_not_found"


class FreezeOver(Conflict):
    """It has ended already."""

    code = "freeze_over"


class TwoPersons(Forbidden):
    """A freeze of the whole cluster is lifted by two different people."""

    code = "two_persons"


class Freezes:
    """Owns what is frozen. ``consent`` is what every mutating service asks."""

    def __init__(self, given: Given) -> None:
        self._given = given
        self.consent = consenting.consenting(given.now)

    # -- who acts asks

    async def agreed(self, deed: Deed) -> None:
        """For deeds that are no unit of work: a node does them, or a program.

        Raises:
            Frozen: a freeze covers it, and nobody has lifted that.
        """
        async with self._given.database.transaction() as connection:
            await self.consent(connection, deed)

    async def outlook(self) -> Outlook:
        """What is forbidden now, for who looks at many deeds before it acts."""
        async with self._given.database.read() as connection:
            held = await tables.active(connection)
        return outlook(held, self._given.now())

    async def publish(self) -> None:
        """Writes the notice of what is frozen for those who have no database."""
        if self._given.notice is None:
            return
        async with self._given.database.read() as connection:
            held = await tables.active(connection)
        try:
            await asyncio.to_thread(notice.put, self._given.notice, held)
        except OSError as exc:
            log.warning("the notice of freezes could not be written", reason=str(exc))

    # -- looking

    async def active(self) -> tuple[FreezeView, ...]:
        """All that hold now, the oldest first."""
        async with self._given.database.read() as connection:
            return tuple(seen(held, self._given.now()) for held in await tables.active(connection))

    async def history(self, page: tables.Page, *, slo_id: str = "") -> tuple[FreezeView, ...]:
        """The newest first, those that hold now with them."""
        async with self._given.database.read() as connection:
            found = await tables.freeze_history(connection, page, slo_id=slo_id)
        return tuple(seen(held, self._given.now()) for held in found)

    async def get(self, event_id: str) -> FreezeView:
        async with self._given.database.read() as connection:
            return seen(await _found(connection, event_id), self._given.now())

    # -- people decide

    async def resolve(self, event_id: str, reason: str, *, by: str) -> FreezeView:
        """Ends a freeze by hand; a new one of the same kind waits at least as long as the policy's least duration.

        Raises:
            FreezeNotFound, FreezeOver: as they say.
            TwoPersons: it holds the whole cluster: an override does that.
        """
        async with unit(self._given.database, self._given.tell) as work:
            await tables.lock(work.connection, alone=True)
            held = await _found(work.connection, event_id)
            _refuse_over(held)
            if held.policy.scope is FreezeScope.GLOBAL:
                raise TwoPersons(
                    "this freeze holds the whole cluster: one person alone does not end it",
                    hint=f"cluster-ai freeze override {event_id} --reason ... lets work through once two agree",
                )
            pause = max(_LEAST_HELD_OFF, float(held.policy.min_duration_s))
            await self._end(work, held, how="manual", by=by, reason=reason, held_off=self._given.now() + pause)
        return await self._published(event_id)

    async def override(self, event_id: str, wanted: NewOverride, *, by: str) -> FreezeView:
        """Lets frozen work through for a while; the freeze itself stays. For a GLOBAL one a second person must agree.

        Raises:
            FreezeNotFound, FreezeOver: as they say.
        """
        now = self._given.now()
        async with unit(self._given.database, self._given.tell) as work:
            held = await _found(work.connection, event_id)
            _refuse_over(held)
            view = OverrideView(
                override_id=self._given.new_id(),
                event_id=event_id,
                reason=wanted.reason,
                requested_by=by,
                requested_at=now,
                expires_at=now + wanted.minutes * 60,
            )
            await tables.add_override(work.connection, view)
            self._say_override(work, held, view)
        return await self._published(event_id)

    async def approve(self, event_id: str, override_id: str, *, by: str) -> FreezeView:
        """A second person agrees.

        Raises:
            FreezeNotFound, FreezeOver: as they say.
            TwoPersons: it is the same person.
            Conflict: somebody agreed already, or it has expired.
        """
        now = self._given.now()
        async with unit(self._given.database, self._given.tell) as work:
            held = await _found(work.connection, event_id)
            _refuse_over(held)
            view = next((one for one in held.view.overrides if one.override_id == override_id), None)
            if view is None:
                raise FreezeNotFound("this freeze has no such override", hint="cluster-ai freeze list")
            if view.requested_by == by:
                raise TwoPersons("who asked for it cannot agree to it", hint="let another administrator do that")
            if view.approved_by or view.expires_at <= now:
                raise Conflict("it was agreed to, or has expired", hint="cluster-ai freeze list")
            await tables.approve_override(work.connection, override_id, by=by, at=now)
            self._say_override(work, held, view.model_copy(update={"approved_by": by, "approved_at": now}))
        return await self._published(event_id)

    async def _published(self, event_id: str) -> FreezeView:
        await self.publish()
        return await self.get(event_id)

    # -- the evaluation decides

    async def step(
        self,
        work: Unit,
        policies: tuple[PolicyView, ...],
        objectives: Mapping[str, ObjectiveView],
        standing: Mapping[str, Seen],
    ) -> bool:
        """Begins and ends what is due, in the evaluation's unit of work; whether anything changed."""
        now = self._given.now()
        await tables.lock(work.connection, alone=True)
        held_off = await tables.held_off(work.connection, now=now)
        held = {(one.view.policy_id, one.view.slo_id): one for one in await tables.active(work.connection)}
        before = len(work.said)
        for one in held.values():
            await self._perhaps_end(work, one, policies, objectives, standing)
        for policy in policies:
            for slo_id, objective in objectives.items():
                key = policy.policy_id, slo_id
                if key in held or slo_id not in standing or not follows(policy.policy, objective.objective):
                    continue
                since = Standing(None, held_off.get(key, 0.0))
                if next_step(policy.policy, standing[slo_id], since, now=now) is Step.BEGIN:
                    await self._begin(work, policy, slo_id, standing[slo_id])
        return len(work.said) > before

    async def _perhaps_end(
        self,
        work: Unit,
        held: Held,
        policies: tuple[PolicyView, ...],
        objectives: Mapping[str, ObjectiveView],
        standing: Mapping[str, Seen],
    ) -> None:
        now, view = self._given.now(), held.view
        current = next((one.policy for one in policies if one.policy_id == view.policy_id), None)
        objective, stands = objectives.get(view.slo_id), standing.get(view.slo_id, Seen(None))
        if current is None or not current.enabled:
            await self._end(work, held, how="policy", by="", reason="its policy was taken back")
        elif objective is None:
            await self._end(work, held, how="objective", by="", reason="its objective is gone")
        # As the policy was when it began: editing one does not shorten what it has begun.
        elif next_step(held.policy, stands, Standing(view.triggered_at), now=now) is Step.END:
            left = f"{stands.remaining:.1%} of the budget are left" if stands.remaining is not None else ""
            await self._end(work, held, how="auto", by="", reason=left)

    async def _begin(self, work: Unit, policy: PolicyView, slo_id: str, standing: Seen) -> None:
        now = self._given.now()
        view = FreezeView(
            event_id=self._given.new_id(),
            policy_id=policy.policy_id,
            slo_id=slo_id,
            scope=policy.policy.scope,
            triggered_at=now,
            not_before=now + policy.policy.min_duration_s,
            reason=why(policy.policy, slo_id, standing),
            remaining=standing.remaining,
        )
        await tables.begin(work.connection, Held(view, policy.policy))
        data = {
            "policy": policy.policy_id,
            "slo": slo_id,
            "scope": policy.policy.scope.value,
            "target": policy.policy.target,
            "actions": [one.value for one in policy.policy.actions],
            "reason": view.reason,
        }
        work.say(self._given.event("slo.freeze.activated", view.event_id, **data))

    async def _end(self, work: Unit, held: Held, *, how: str, by: str, reason: str, held_off: float = 0.0) -> None:
        view, now = held.view, self._given.now()
        await tables.end(
            work.connection,
            view.event_id,
            resolved_at=now,
            resolution=how,
            resolved_by=by,
            held_off_until=held_off,
        )
        data = {
            "policy": view.policy_id,
            "slo": view.slo_id,
            "scope": held.policy.scope.value,
            "target": held.policy.target,
            "how": how,
            "by": by,
            "reason": reason,
            "seconds": now - view.triggered_at,
        }
        work.say(self._given.event("slo.freeze.resolved", view.event_id, **data))

    def _say_override(self, work: Unit, held: Held, view: OverrideView) -> None:
        in_force_now = in_force(held, view, self._given.now())
        data = {
            "slo": held.view.slo_id,
            "by": view.requested_by,
            "approved_by": view.approved_by,
            "reason": view.reason,
            "expires_at": view.expires_at,
            "in_force": in_force_now,
        }
        work.say(self._given.event("slo.freeze.overridden", held.view.event_id, **data))


async def _found(connection: AsyncConnection, event_id: str) -> Held:
    held = await tables.freeze(connection, event_id)
    if held is None:
        raise FreezeNotFound("there is no such freeze", hint="cluster-ai freeze history")
    return held


def _refuse_over(held: Held) -> None:
    if not held.view.active:
        raise FreezeOver("this freeze has ended", hint="cluster-ai freeze list")
