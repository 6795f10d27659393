"""Who is alive: a failure detector with a stated rule. Pure; every time is monotonic seconds that come in.

**The rule.** An instance whose last sign of life is older than ``suspect`` seconds is doubted, older than ``dead`` it
is unreachable, older than ``forgotten`` it is removed. With a lease of its own the three grow in proportion: the lease
is ``dead``. A sign of life is its own beat or the success of somebody's call to it, whichever is younger: a partition
that stops the beats alone kills nobody.

**Sooner than that** doubt falls on an instance whose beats came so regularly that this silence is unlikely: phi >= 8 of
the phi accrual detector (Hayashibara, Defago, Yared, Katayama, SRDS 2004), one silence in 10^8 under a normal
distribution of the pauses seen so far. ``floor`` bounds it below, ``suspect`` above. Mean and variance are moving ones
(Finch, "Incremental calculation of weighted mean and variance", 2009), which need two numbers instead of a window.

**No flapping.** Between healthy and not healthy an instance that is merely late changes at most twice in ``calm``
seconds: after it was doubted and came back it is not doubted again before that time is over. What is worse than
lateness (a lease that ran out, failed calls, its own word) is always told at once; who comes back from it as the third
change stays ``degraded`` until the time is over.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Final, Self

from cluster_ai.registry.types import State

PHI: Final = 8.0
_DEVIATIONS: Final = 5.612
"""Above the mean, beyond which a normal distribution has one part in 10^8."""
_WEIGHT: Final = 0.1
"""Of the newest pause."""
_LEAST_PAUSES: Final = 5
"""Before that many were seen, nothing is known of their distribution."""
_STEP: Final = 0.05
"""Of the lease: how often an instance is judged while something is wrong with it."""
_LEAST_DEVIATION: Final = 0.25
"""As a share of the mean: a machine that was perfectly regular so far may still be late."""
FAILURES: Final = 3
"""So many calls that fail one after the other are doubt enough."""
MOST_CHANGES: Final = 2


@dataclass(frozen=True, slots=True)
class Rule:
    """Seconds of silence, for one lease."""

    suspect: float = 3.0
    dead: float = 5.0
    floor: float = 1.5
    """Doubt falls on nobody sooner."""
    forgotten: float = 25.0
    calm: float = 60.0
    ejected: float = 30.0
    """So long failed calls are held against an instance that nobody asks any more."""

    @classmethod
    def of(cls, *, suspect: float, dead: float) -> Self:
        """That of these two; the others follow from them."""
        return cls(suspect=suspect, dead=dead, floor=suspect / 2, forgotten=5 * dead)

    def leased(self, lease: float) -> "Rule":
        """The rule for an instance with a lease of ``lease`` seconds."""
        if lease == self.dead:
            return self
        times = lease / self.dead
        return Rule(
            suspect=self.suspect * times,
            dead=lease,
            floor=self.floor * times,
            forgotten=self.forgotten * times,
            calm=self.calm,
            ejected=self.ejected,
        )


DEFAULT: Final = Rule()


@dataclass(slots=True)
class Pulse:
    """What is known of an instance's signs of life."""

    beat: float
    """When it beat last."""
    sign: float
    """Its last sign of life of either kind."""
    well: bool = True
    """By its own account."""
    pauses: int = 0
    mean: float = 0.0
    variance: float = 0.0
    late: float = 0.0
    """Moving share of its pauses that were too long."""
    failures: int = 0
    """Calls that failed since the last that did not."""
    failed: float = -math.inf
    state: State = State.HEALTHY
    changes: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_CHANGES))
    """When it last turned healthy or ceased to be."""


def beaten(pulse: Pulse, now: float, *, rule: Rule, well: bool = True) -> None:
    """It beat."""
    pause = now - pulse.beat
    if pause < rule.dead:
        # A pause that was an outage says nothing about how regular it is otherwise.
        off = pause - pulse.mean if pulse.pauses else 0.0
        pulse.mean = pulse.mean + _WEIGHT * off if pulse.pauses else pause
        pulse.variance = (1 - _WEIGHT) * (pulse.variance + _WEIGHT * off * off)
        pulse.pauses += 1
    pulse.late += _WEIGHT * ((pause >= rule.suspect) - pulse.late)
    pulse.beat = pulse.sign = now
    pulse.well = well


def told(pulse: Pulse, now: float, *, ok: bool) -> None:
    """Somebody called it, and says how that went."""
    if ok:
        pulse.failures = 0
        pulse.sign = max(pulse.sign, now)
    else:
        pulse.failures += 1
        pulse.failed = now


def doubted_after(pulse: Pulse, rule: Rule) -> float:
    """Seconds of silence after which it is doubted."""
    if pulse.pauses < _LEAST_PAUSES:
        return rule.suspect
    deviation = max(math.sqrt(pulse.variance), _LEAST_DEVIATION * pulse.mean)
    return min(rule.suspect, max(rule.floor, pulse.mean + _DEVIATIONS * deviation))


def phi(pulse: Pulse, now: float) -> float:
    """How unlikely its present silence is: -log10 of the chance that a beat comes later than this."""
    if pulse.pauses < _LEAST_PAUSES:
        return 0.0
    deviation = max(math.sqrt(pulse.variance), _LEAST_DEVIATION * pulse.mean, 1e-9)
    later = math.erfc((now - pulse.sign - pulse.mean) / deviation / math.sqrt(2)) / 2
    return -math.log10(max(later, 1e-300))


def is_forgotten(pulse: Pulse, now: float, rule: Rule) -> bool:
    return now - pulse.sign >= rule.forgotten


def judge(pulse: Pulse, now: float, rule: Rule) -> State:
    """The state it is in from now on; written down in ``pulse``."""
    state = _seen(pulse, now, rule)
    if _turns(pulse.state, state) and _is_restless(pulse, now, rule):
        state = _withheld(pulse, now, rule, wanted=state)
    if _turns(pulse.state, state):
        pulse.changes.append(now)
    pulse.state = state
    return state


def due(pulse: Pulse, now: float, rule: Rule) -> float:
    """When to judge again if nothing is heard of it until then."""
    doubted = pulse.sign + doubted_after(pulse, rule)
    return doubted if pulse.state is State.HEALTHY and doubted > now else now + rule.dead * _STEP


def _seen(pulse: Pulse, now: float, rule: Rule) -> State:
    silence = now - pulse.sign
    if silence >= rule.dead:
        return State.UNREACHABLE
    if _is_bad(pulse, now, rule) or silence >= doubted_after(pulse, rule):
        return State.DEGRADED
    return State.HEALTHY


def _is_bad(pulse: Pulse, now: float, rule: Rule) -> bool:
    """By what it or others say; silence apart."""
    return not pulse.well or (pulse.failures >= FAILURES and now - pulse.failed < rule.ejected)


def _turns(before: State, after: State) -> bool:
    return (before is State.HEALTHY) is not (after is State.HEALTHY)


def _is_restless(pulse: Pulse, now: float, rule: Rule) -> bool:
    return len(pulse.changes) == MOST_CHANGES and now - pulse.changes[0] < rule.calm


def _withheld(pulse: Pulse, now: float, rule: Rule, *, wanted: State) -> State:
    """What a restless instance is, for which ``wanted`` would be one change too many."""
    if wanted is State.HEALTHY:
        # It lives, also when it was dead a moment ago, but nobody relies on it yet.
        return State.DEGRADED
    is_mere_lateness = wanted is State.DEGRADED and not _is_bad(pulse, now, rule)
    return State.HEALTHY if is_mere_lateness else wanted
