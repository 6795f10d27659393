"""Life of one part as a function of state, event and time. Pure: no clock is read, no process touched.

::

    WAITING --Launched--> STARTING --Answered--> READY <--Answered-- UNHEALTHY
       ^                      |                    |  --Missed x 3--->   |
       |                      +------- Ended ------+---------------------+
       +--Due-- BACKOFF <--------------'  (too often: FAILED)
    StopAsked, RestartAsked: from everywhere, over STOPPING while a process runs
    RollAsked: READY stays READY until Replaced by another process, or NotReplaced
"""

from dataclasses import dataclass, replace
from typing import Final

from cluster_ai.core.errors import ClusterError
from cluster_ai.supervisor.types import PartState as S
from cluster_ai.supervisor.types import SupervisorSettings

MISSES: Final = 3
"""Probes in a row that a ready part may miss; a busy machine delays one now and then."""


class IllegalTransition(ClusterError):
    """An event that cannot happen in this state: a mistake of ours."""

    code = "illegal_transition"


@dataclass(frozen=True, slots=True)
class Life:
    """What is known of a part. Times are monotonic seconds."""

    state: S = S.WAITING
    since: float = 0.0
    """Start of this state."""
    pid: int | None = None
    launched_at: float = 0.0
    heard_at: float = 0.0
    """Its last answer, or its start."""
    launches: int = 0
    misses: int = 0
    deaths: tuple[float, ...] = ()
    """Those inside the crash window."""
    due_at: float = 0.0
    last_exit: str = ""
    error: str = ""
    again: bool = False
    """Whether a stopping part is to be started again."""
    rolling: bool = False
    """A process that shall take over from this one is on its way."""
    not_replaced: str = ""
    """Why the last one that should have taken over did not."""

    @property
    def restarts(self) -> int:
        return max(0, self.launches - 1)

    @property
    def runs(self) -> bool:
        """Whether it has a process."""
        return self.state in {S.STARTING, S.READY, S.UNHEALTHY, S.STOPPING}


@dataclass(frozen=True, slots=True)
class Launched:
    pid: int


@dataclass(frozen=True, slots=True)
class Answered:
    """Every probe passed."""


@dataclass(frozen=True, slots=True)
class Missed:
    """A probe failed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The process is gone, or could not be started. ``excused``: with a part that it needs."""

    how: str
    error: str = ""
    excused: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """The pause before a restart is over."""


@dataclass(frozen=True, slots=True)
class StopAsked:
    pass


@dataclass(frozen=True, slots=True)
class RestartAsked:
    pass


@dataclass(frozen=True, slots=True)
class RollAsked:
    """Restart without a gap: by a process that takes over from the one that runs."""


@dataclass(frozen=True, slots=True)
class Replaced:
    """That process is ready and the part is now it."""

    pid: int


@dataclass(frozen=True, slots=True)
class NotReplaced:
    """It did not become ready; the old one goes on."""

    reason: str


Event = Launched | Answered | Missed | Ended | Due | StopAsked | RestartAsked | RollAsked | Replaced | NotReplaced


def apply(  # noqa: C901, PLR0911, PLR0912 - one table of what can happen when; split up it could not be read
    life: Life, event: Event, *, now: float, policy: SupervisorSettings
) -> Life:
    """The life after ``event``.

    Raises:
        IllegalTransition: the event cannot happen in this state.
    """
    match life.state, event:
        case ((S.WAITING | S.BACKOFF), Launched(pid=pid)):
            return _become(_begun(life, pid, now), S.STARTING, now)
        case ((S.STARTING | S.UNHEALTHY), Answered()):
            return _become(replace(life, heard_at=now, misses=0, error=""), S.READY, now)
        case S.READY, Answered():
            return replace(life, heard_at=now, misses=0, error="")
        case S.READY, Missed(reason=reason) if life.misses + 1 >= MISSES:
            return _become(replace(life, misses=life.misses + 1, error=reason), S.UNHEALTHY, now)
        case ((S.STARTING | S.READY | S.UNHEALTHY), Missed(reason=reason)):
            error = life.error if life.state is S.READY else reason
            return replace(life, misses=life.misses + 1, error=error)
        case ((S.WAITING | S.STARTING | S.READY | S.UNHEALTHY), Ended()):
            return _after_death(life, event, now=now, policy=policy)
        case S.STOPPING, Ended(how=how):
            ended = replace(life, pid=None, last_exit=how, error="", again=False)
            return _become(ended, S.WAITING if life.again else S.STOPPED, now)
        case S.STOPPING, (Answered() | Missed()):
            return life
        case S.BACKOFF, Due():
            return _become(life, S.WAITING, now)
        case ((S.STARTING | S.READY | S.UNHEALTHY | S.STOPPING), StopAsked()):
            return _become(replace(life, again=False), S.STOPPING, now)
        case _, StopAsked():
            return _become(replace(life, error=""), S.STOPPED, now)
        case ((S.STARTING | S.READY | S.UNHEALTHY | S.STOPPING), RestartAsked()):
            return _become(replace(life, again=True, deaths=()), S.STOPPING, now)
        case _, RestartAsked():
            return _become(replace(life, deaths=(), error=""), S.WAITING, now)
        case ((S.READY | S.UNHEALTHY), RollAsked()):
            return replace(life, rolling=True, not_replaced="")
        case _, RollAsked():
            return apply(life, RestartAsked(), now=now, policy=policy)
        case ((S.READY | S.UNHEALTHY), Replaced(pid=pid)) if life.rolling:
            return _become(replace(_begun(life, pid, now), deaths=(), error=""), S.READY, now)
        case ((S.READY | S.UNHEALTHY), NotReplaced(reason=reason)):
            return replace(life, rolling=False, not_replaced=reason)
        case _:
            raise IllegalTransition(f"{type(event).__name__} cannot happen to a part that is {life.state}")


def is_hung(life: Life, *, now: float, policy: SupervisorSettings) -> bool:
    """Whether a part that runs has been silent for so long that only its death helps."""
    return life.state in {S.STARTING, S.UNHEALTHY} and now - life.heard_at > policy.patience_seconds


def backoff(deaths: int, policy: SupervisorSettings) -> float:
    """Seconds before the restart after that many deaths in the window: doubling, capped."""
    return min(policy.backoff_cap_seconds, policy.backoff_seconds * 2.0 ** min(max(0, deaths - 1), 32))


def _begun(life: Life, pid: int, now: float) -> Life:
    begun = replace(life, pid=pid, launched_at=now, heard_at=now, launches=life.launches + 1, misses=0)
    return replace(begun, rolling=False, not_replaced="")


def _become(life: Life, state: S, now: float) -> Life:
    # Only one that runs well is waited for by its successor.
    rolling = life.rolling and state in {S.READY, S.UNHEALTHY}
    return replace(life, state=state, rolling=rolling, since=life.since if state is life.state else now)


def _after_death(life: Life, event: Ended, *, now: float, policy: SupervisorSettings) -> Life:
    recent = tuple(at for at in life.deaths if now - at < policy.crash_window_seconds)
    deaths = recent if event.excused else (*recent, now)
    dead = replace(life, pid=None, last_exit=event.how, error=event.error, deaths=deaths, misses=0)
    if len(deaths) >= policy.crash_limit:
        return _become(dead, S.FAILED, now)
    return _become(replace(dead, due_at=now + backoff(len(deaths), policy)), S.BACKOFF, now)
