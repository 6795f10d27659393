"""What a head makes of what it hears of the term. Pure: (state, event, now by a clock that never jumps)."""

from dataclasses import dataclass, replace
from typing import Final

FOREVER: Final = float("inf")
SOON: Final = 0.1
"""After the end of another's term: the database's clock and ours do not run alike."""
AGAIN: Final = 0.5
"""Before the next try when the database did not answer."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: ``ttl`` that a term lives without being renewed, ``renew`` between two renewals."""

    ttl: float
    renew: float


@dataclass(frozen=True, slots=True)
class Following:
    """Another leads, or nobody."""


@dataclass(frozen=True, slots=True)
class Leading:
    """``until``: from then on this head does not believe that it leads, whatever the database says."""

    epoch: int
    until: float = FOREVER


State = Following | Leading


@dataclass(frozen=True, slots=True)
class Won:
    """The term is ours. ``asked``: before the database was asked: the term's end there is never earlier than ours."""

    epoch: int
    asked: float


@dataclass(frozen=True, slots=True)
class Renewed:
    asked: float


@dataclass(frozen=True, slots=True)
class Refused:
    """The database says that ``epoch`` is not the term any more."""

    epoch: int


@dataclass(frozen=True, slots=True)
class Passed:
    """Time passed without an answer."""


Event = Won | Renewed | Refused | Passed


@dataclass(frozen=True, slots=True)
class Seen:
    """The term as it stands in the database. ``left``: seconds of its life there; 0 or less: it is over."""

    epoch: int = 0
    holder: str = ""
    since: float | None = None
    left: float = 0.0


def apply(state: State, event: Event, now: float, pace: Pace) -> State:
    """The state after ``event``."""
    match state, event:
        case _, Won(epoch=epoch, asked=asked):
            return Leading(epoch, asked + pace.ttl)
        case Leading(), Renewed(asked=asked):
            return replace(state, until=max(state.until, asked + pace.ttl))
        case Leading(epoch=ours), Refused(epoch=epoch) if ours == epoch:
            return Following()
        case Leading(until=until), _ if now >= until:
            return Following()
        case _:
            return state


def epoch_of(state: State, now: float) -> int:
    """The epoch that this head may act under at ``now``; 0: none."""
    return state.epoch if isinstance(state, Leading) and now < state.until else 0


def may_take(seen: Seen, me: str) -> bool:
    """Whether the term is free: it is over, or an earlier life of this very head had it.

    Two lives of one head never meet: each holds the lock of its data directory for as long as it lives.
    """
    return seen.left <= 0 or seen.holder == me


def next_look(state: State, seen: Seen | None, pace: Pace) -> float:
    """Seconds until the database is asked again. ``seen``: None when it did not answer."""
    if seen is None:
        return min(AGAIN, pace.renew)
    if isinstance(state, Leading):
        return pace.renew
    return min(pace.renew, max(SOON, seen.left + SOON))


def is_news(before: Seen, me: str) -> bool:
    """Whether it is worth telling that ``me`` leads now: a head that only began anew is the same."""
    return before.holder != me
