"""The consent that freezes give or refuse: asked by whoever acts, in the unit of work that acts."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.consent import Consent, Deed, Frozen
from cluster_ai.slo import tables
from cluster_ai.slo.freezing import counts, covers
from cluster_ai.slo.tables import Held
from cluster_ai.slo.types import FreezeView, OverrideView


def consenting(now: Callable[[], float]) -> Consent:
    """A ``Consent`` over the freezes in the database. It needs nothing else of this room; ``now`` in Unix seconds."""

    async def consent(connection: AsyncConnection, deed: Deed) -> None:
        if deed.is_mending:
            return
        await tables.lock(connection, alone=False)
        moment = now()
        for held in await tables.active(connection):
            if covers(held.policy, deed) and not any(one.in_force for one in seen(held, moment).overrides):
                raise _frozen(held, deed)

    return consent


def seen(held: Held, now: float) -> FreezeView:
    """As people see it: with what is in force of its overrides."""
    rows = tuple(one.model_copy(update={"in_force": in_force(held, one, now)}) for one in held.view.overrides)
    return held.view.model_copy(update={"overrides": rows})


def in_force(held: Held, view: OverrideView, now: float) -> bool:
    """Whether that override lets work through now."""
    enough = counts(requested_by=view.requested_by, approved_by=view.approved_by, scope=held.policy.scope)
    return held.view.active and enough and now < view.expires_at


def _frozen(held: Held, deed: Deed) -> Frozen:
    view = held.view
    return Frozen(
        f"{deed.subject} is frozen ({deed.action.value}): {view.reason}",
        hint="cluster-ai freeze list; it ends when enough of the budget is back, or by an override",
        values={
            "freeze": view.event_id,
            "slo": view.slo_id,
            "remaining": "" if view.remaining is None else f"{view.remaining:.1%}",
            "until": f"{view.not_before:.0f}",
            "subject": deed.subject,
            "action": deed.action.value,
        },
    )
