"""Budgets and burn rates: Beyer et al., The Site Reliability Workbook (2018), chapters 2 and 5. Pure.

With a target T over a period W the budget is B = 1 - T. In a window w with n valid events, b of them bad, the error
ratio is e = b/n and the burn rate e/B: 1 spends the budget exactly over W. Where nothing happened there is
no data: neither 0 nor 1.
"""

from dataclasses import dataclass
from typing import Final

from cluster_ai.slo.types import BurnAlert, Pace, Status, Thresholds

FAST: Final = 6.0
CRITICAL: Final = 14.4


@dataclass(frozen=True, slots=True)
class Tally:
    """Events of a window, or minutes where the budget is counted in time."""

    good: float = 0.0
    valid: float = 0.0

    @property
    def bad(self) -> float:
        return max(0.0, self.valid - self.good)

    @property
    def error_ratio(self) -> float | None:
        return self.bad / self.valid if self.valid > 0 else None

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.good + other.good, self.valid + other.valid)


@dataclass(frozen=True, slots=True)
class Goal:
    """What decides about budgets: ``target`` in (0, 1), ``period`` in seconds."""

    target: float
    period: float

    @property
    def budget(self) -> float:
        """Share of events that may be bad."""
        # 1 - 0.999 is not 0.001 in binary; to fifteen digits it is.
        return round(1.0 - self.target, 15)


@dataclass(frozen=True, slots=True)
class Budget:
    """``total`` and ``consumed`` in events or minutes; ``remaining`` is a share of the total, and may be negative."""

    total: float
    consumed: float
    remaining: float


def burn_rate(tally: Tally, goal: Goal) -> float | None:
    """How many times faster than allowed the budget is spent."""
    ratio = tally.error_ratio
    return None if ratio is None else ratio / goal.budget


def budget_of(tally: Tally, goal: Goal) -> Budget | None:
    """Of a period's events: as many may be bad as the target leaves."""
    return _budget(goal.budget * tally.valid, tally.bad) if tally.valid > 0 else None


def budget_of_time(tally: Tally, goal: Goal) -> Budget | None:
    """Of a period's minutes: minutes in which nothing happened are not bad, but they are part of the period."""
    return _budget(goal.budget * goal.period / 60, tally.bad) if tally.valid > 0 else None


def _budget(total: float, consumed: float) -> Budget:
    return Budget(total, consumed, 1.0 - consumed / total)


def exhausted_in(remaining: float, rate: float | None, period: float) -> float | None:
    """Seconds until nothing is left at this pace; None when nothing is being spent."""
    if rate is None or rate <= 0:
        return None
    return max(0.0, remaining) * period / rate


def eaten(rate: float | None, window: float, period: float) -> float | None:
    """Share of the period's budget that a window at this rate has spent."""
    return None if rate is None else rate * window / period


def factor(alert: BurnAlert, period: float) -> float:
    """The burn rate that spends the alert's share of the budget in its long window: p * W / w."""
    return alert.budget * period / alert.long_seconds


def can_fire(alert: BurnAlert, goal: Goal) -> bool:
    """Whether even total failure would burn fast enough: a rate is at most 1/B."""
    return factor(alert, goal.period) * goal.budget < 1.0


def largest_budget(alert: BurnAlert, goal: Goal) -> float:
    """The share of the budget below which this alert can fire."""
    return alert.long_seconds / (goal.period * goal.budget)


def fires(alert: BurnAlert, goal: Goal, *, long: Tally, short: Tally, least_bad: float) -> bool:
    """Whether both windows burn faster than the factor, with at least ``least_bad`` bad events in the long one."""
    limit = factor(alert, goal.period)
    rates = burn_rate(long, goal), burn_rate(short, goal)
    return long.bad >= least_bad and all(rate is not None and rate > limit for rate in rates)


def fires_after(alert: BurnAlert, goal: Goal, error_ratio: float) -> float | None:
    """Seconds until a failure of that extent, after a time without any, fires: f * B * w / e. None: never."""
    needed = factor(alert, goal.period) * goal.budget
    return needed * alert.long_seconds / error_ratio if error_ratio > needed else None


def pace_of(rate: float | None) -> Pace:
    """The class of a burn rate."""
    if rate is None or rate <= 1.0:
        return Pace.NORMAL
    if rate < FAST:
        return Pace.ELEVATED
    return Pace.FAST if rate < CRITICAL else Pace.CRITICAL


def status_of(remaining: float | None, thresholds: Thresholds) -> Status:
    """By what is left; a threshold that is met exactly counts as crossed."""
    if remaining is None:
        return Status.NO_DATA
    if remaining <= 0.0:
        return Status.EXHAUSTED
    if remaining <= thresholds.critical:
        return Status.CRITICAL
    return Status.WARNING if remaining <= thresholds.warning else Status.HEALTHY
