"""A freeze as it is stored, and what it refuses. Pure: processes without a database know it, too."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cluster_ai.core.consent import Deed, Frozen, Outlook
from cluster_ai.slo.freezing import counts, covers
from cluster_ai.slo.types import FreezePolicy, FreezeView, OverrideView


@dataclass(frozen=True, slots=True)
class Held:
    """With the policy as it was when the freeze began."""

    view: FreezeView
    policy: FreezePolicy
    held_off_until: float = 0.0


def refuse(held: Iterable[Held], deed: Deed, now: float) -> None:
    """Raises what the first of these freezes says of the deed.

    Raises:
        Frozen: one covers it, and nobody has lifted that.
    """
    for one in held:
        if covers(one.policy, deed) and not any(wanted.in_force for wanted in seen(one, now).overrides):
            raise _frozen(one, deed)


def outlook(held: Sequence[Held], now: float) -> Outlook:
    """What these freezes forbid at ``now``."""

    def why(deed: Deed) -> str:
        try:
            refuse(held, deed, now)
        except Frozen as exc:
            return exc.message
        return ""

    return Outlook(" ".join(_mark(one, now) for one in held), why)


def _mark(held: Held, now: float) -> str:
    lifted = [one.override_id for one in seen(held, now).overrides if one.in_force]
    return "+".join([held.view.event_id, *lifted])


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
