"""Whether a ticket may go now: a list of small rules, asked in order. The first that does not accept has the say. Pure.

To add one: write a function as those below and put it into ``RULES`` where its answer should win over what follows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cluster_ai.plans.allocation import able
from cluster_ai.plans.asked import Asked, Scene
from cluster_ai.plans.fairness import share_of

SOON: Final = 1.0
"""Seconds after which a rule that waits for others is asked again, if nothing wakes the dispatcher before."""
LATER: Final = 15.0
HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Accept:
    """It may go, as far as this rule is concerned."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now. ``until``: Unix seconds, when to ask again at the latest. ``code`` is stable, ``reason`` for people."""

    until: float
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reject:
    """Never: the ticket fails with ``code``."""

    code: str
    reason: str


Verdict = Accept | Wait | Reject
Rule = Callable[[Asked, Scene], Verdict]
GO: Final = Accept()


def judge(asked: Asked, scene: Scene, rules: tuple[Rule, ...] | None = None) -> Verdict:
    """What the first rule says that has something against it; ``Accept`` when none has."""
    for rule in RULES if rules is None else rules:
        verdict = rule(asked, scene)
        if not isinstance(verdict, Accept):
            return verdict
    return GO


def not_too_late(asked: Asked, scene: Scene) -> Verdict:
    """What can only be done after its plan's end takes no place from others."""
    if asked.end is None:
        return GO
    if scene.now >= asked.end:
        return Reject("deadline_passed", "its plan's time was over before it could begin")
    if asked.seconds is not None and scene.now + asked.seconds > asked.end:
        left = asked.end - scene.now
        return Reject("deadline_unreachable", f"it takes {asked.seconds:.0f} s, and its plan has {left:.0f} s left")
    return GO


def not_paused(asked: Asked, scene: Scene) -> Verdict:
    """Somebody stopped everything of its kind. Tickets of a plan that was stopped are not asked about at all."""
    if asked.kind in scene.paused_kinds:
        return Wait(scene.now + LATER, "paused", f"{asked.kind} is paused")
    return GO


def not_frozen(asked: Asked, scene: Scene) -> Verdict:
    """A freeze forbids what it does: it waits, and is held soon. The transaction that acts asks again."""
    reason = scene.frozen.get(asked.id)
    return GO if reason is None else Wait(scene.now + LATER, "frozen", reason)


def approved(asked: Asked, scene: Scene) -> Verdict:
    """Somebody has to say yes first."""
    if asked.approval == "rejected":
        return Reject("approval_rejected", "somebody was asked and said no")
    if asked.approval == "pending":
        return Wait(scene.now + LATER, "approval", "it waits for somebody's yes")
    return GO


def within_budget(asked: Asked, scene: Scene) -> Verdict:
    """An owner has so many seconds a day; what is older than a day is given back with every hour."""
    most, spent = scene.bounds.seconds_a_day, scene.spent.get(asked.owner, 0.0)
    if not most or spent + asked.cost <= most:
        return GO
    if asked.cost > most:
        return Reject("over_budget", f"it takes {asked.cost:.0f} s, and its owner has {most:.0f} s a day")
    return Wait(scene.now + HOUR, "budget", f"its owner has used {spent:.0f} of {most:.0f} s in a day")


def within_quota(asked: Asked, scene: Scene) -> Verdict:
    """An owner may have so many under way."""
    most, under_way = scene.bounds.in_flight, scene.in_flight.get(asked.owner, 0)
    if not most or under_way < most:
        return GO
    return Wait(scene.now + SOON, "quota", f"its owner has {under_way} under way, of {most}")


def can_be_done(asked: Asked, scene: Scene) -> Verdict:
    """Some worker has what it asks for. Machines come and go in a home, so that it waits for one."""
    if any(able(asked, hand) for hand in scene.hands):
        return GO
    return Wait(scene.now + LATER, "no_worker", _missing(asked, scene))


def in_its_share(asked: Asked, scene: Scene) -> Verdict:
    """While others wait, nobody holds more than an even share of the places."""
    share = share_of(asked.owner, scene)
    if scene.holding.get(asked.owner, 0) < share:
        return GO
    return Wait(scene.now + SOON, "fairness", f"others wait, and its owner has its share of {share}")


RULES: Final[tuple[Rule, ...]] = (
    approved,
    not_too_late,
    not_paused,
    not_frozen,
    within_budget,
    within_quota,
    can_be_done,
    in_its_share,
)
"""In the order in which people want to hear them: what needs a person first, what passes by itself last."""


def _missing(asked: Asked, scene: Scene) -> str:
    if not scene.hands:
        return "there is no worker"
    wanted = [*sorted(asked.capabilities), *(f"{name}={amount:g}" for name, amount in sorted(asked.resources.items()))]
    if asked.needs_gateway and not any(hand.reaches_gateway for hand in scene.hands):
        wanted.append("the gateway")
    if asked.near:
        wanted.append(f"the files of other tickets on {', '.join(sorted(node or 'the head' for node in asked.near))}")
    return f"no worker has {', '.join(wanted) or 'a slot'}"
