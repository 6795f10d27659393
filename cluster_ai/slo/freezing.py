"""When a freeze begins and ends, and what it covers. Pure.

Two thresholds and a least duration keep it from flapping: it begins below the one and ends above the other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from cluster_ai.core.consent import Deed
from cluster_ai.slo.types import FreezeAction, FreezePolicy, FreezeScope, Objective, Pace

_PACES: Final = tuple(Pace)
GLOBAL_PERSONS: Final = 2


class Step(StrEnum):
    """What is to be done about a policy and an objective."""

    NOTHING = "nothing"
    BEGIN = "begin"
    END = "end"


@dataclass(frozen=True, slots=True)
class Seen:
    """How an objective stands. ``remaining`` is None while nobody knows: then nothing begins and nothing ends."""

    remaining: float | None
    pace: Pace = Pace.NORMAL


@dataclass(frozen=True, slots=True)
class Standing:
    """What has been so far: when the freeze that holds now began, and until when a new one is held off by hand."""

    since: float | None = None
    held_off_until: float = 0.0


def follows(policy: FreezePolicy, objective: Objective) -> bool:
    """Whether the policy watches that objective."""
    match policy.scope:
        case FreezeScope.SERVICE:
            return objective.service_name == policy.target
        case FreezeScope.GROUP:
            return objective.layer == policy.target
        case FreezeScope.GLOBAL:
            return True


def next_step(policy: FreezePolicy, seen: Seen, standing: Standing, *, now: float) -> Step:
    """Whether a freeze begins, ends, or all stays as it is."""
    if standing.since is not None:
        over = now - standing.since >= policy.min_duration_s
        return Step.END if over and _recovered(policy, seen) else Step.NOTHING
    if not policy.enabled or now < standing.held_off_until:
        return Step.NOTHING
    return Step.BEGIN if _burnt(policy, seen) else Step.NOTHING


def _burnt(policy: FreezePolicy, seen: Seen) -> bool:
    below = seen.remaining is not None and seen.remaining < policy.trigger_below
    return below or _is_fast(policy, seen)


def _recovered(policy: FreezePolicy, seen: Seen) -> bool:
    enough = seen.remaining is not None and seen.remaining >= policy.release_above
    return enough and not _is_fast(policy, seen)


def _is_fast(policy: FreezePolicy, seen: Seen) -> bool:
    if policy.trigger_pace is None:
        return False
    return _PACES.index(seen.pace) >= _PACES.index(policy.trigger_pace)


def why(policy: FreezePolicy, slo_id: str, seen: Seen) -> str:
    """The reason of a freeze, in words."""
    if seen.remaining is not None and seen.remaining < policy.trigger_below:
        return f"{slo_id} has {seen.remaining:.1%} of its error budget left, less than {policy.trigger_below:.1%}"
    return f"{slo_id} spends its error budget at the pace {seen.pace.value}"


def covers(policy: FreezePolicy, deed: Deed) -> bool:
    """Whether the policy's freezes forbid that deed."""
    if deed.is_mending or FreezeAction(deed.action.value) not in policy.actions:
        return False
    return _reaches(policy, deed) and not is_exempt(policy.exemptions, deed)


def _reaches(policy: FreezePolicy, deed: Deed) -> bool:
    match policy.scope:
        case FreezeScope.SERVICE:
            return policy.target in deed.scope.get("service", "").split()
        case FreezeScope.GROUP:
            return policy.target in deed.scope.get("group", "").split()
        case FreezeScope.GLOBAL:
            return True


def is_exempt(exemptions: Iterable[str], deed: Deed) -> bool:
    """Whether one of the patterns fits: ``key:pattern`` for a key of the deed's scope, or for ``subject``."""
    known = {**deed.scope, "subject": deed.subject}
    for line in exemptions:
        key, _, pattern = line.partition(":")
        if any(fnmatchcase(value, pattern) for value in known.get(key, "").split()):
            return True
    return False


def counts(*, requested_by: str, approved_by: str, scope: FreezeScope) -> bool:
    """Whether enough persons want an override."""
    persons = {person for person in (requested_by, approved_by) if person}
    return len(persons) >= (GLOBAL_PERSONS if scope is FreezeScope.GLOBAL else 1)
