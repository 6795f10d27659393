"""Budgets, burn rates and alerts against an oracle that counts raw events in fractions."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cluster_ai.slo import burn
from cluster_ai.slo.burn import Goal, Tally
from cluster_ai.slo.judging import stand
from cluster_ai.slo.types import ALERTS, DAY, HOUR, MINUTE, BurnAlert, Objective, Pace, Status, Thresholds
from cluster_ai.slo.windows import floor, spans, windowed, windows_of
from tests.slo import oracle

NOW = 1_800_000_000
TARGETS = st.sampled_from(["0.5", "0.9", "0.95", "0.99", "0.995", "0.999", "0.9999"])


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, list[oracle.Event]]:
    """Bursts of events somewhere in 31 days, most of them lately, and the moment at which one looks."""
    now = NOW + draw(st.integers(0, 2 * HOUR))
    events: list[oracle.Event] = []
    for _ in range(draw(st.integers(0, 12))):
        ago = draw(st.one_of(st.integers(0, 2 * HOUR), st.integers(0, 4 * DAY), st.integers(0, 31 * DAY)))
        count, bad = draw(st.integers(1, 60)), draw(st.integers(0, 60))
        events += [(now - ago + number % 7, number >= bad) for number in range(count)]
    return now, [(at, good) for at, good in events if at <= now]


def counted(events: list[oracle.Event]) -> dict[tuple[int, int], Tally]:
    """Minutes and hours as the room stores them."""
    found: dict[tuple[int, int], Tally] = {}
    for at, good in events:
        for width in (MINUTE, HOUR):
            key = width, floor(at, width)
            found[key] = found.get(key, Tally()) + Tally(float(good), 1.0)
    return found


def tallies_of(objective: Objective, now: int, events: list[oracle.Event]) -> dict[int, Tally]:
    stored, lengths = counted(events), windows_of(objective)
    sums = {
        span: sum(
            (
                tally
                for (width, start), tally in stored.items()
                if width == span.width and span.since <= start < span.until
            ),
            start=Tally(),
        )
        for span in spans(now, lengths)
    }
    return windowed(now, lengths, sums)


def near(one: Fraction, other: float) -> bool:
    return abs(float(one) - other) <= 1e-9 * max(1.0, abs(float(one)))


@settings(max_examples=150, deadline=None)
@given(histories(), TARGETS)
def test_every_window_and_the_budget_are_those_of_the_oracle(
    history: tuple[int, list[oracle.Event]], target: str
) -> None:
    now, events = history
    objective = Objective(name="x", target=float(target))
    found = stand("x", objective, tallies_of(objective, now, events), now=now)
    for view in found.burn_rates:
        # The period begins with its hour: minutes are not kept so long.
        since = now
        seconds = view.window_seconds
        if seconds >= 4 * DAY:
            seconds += (now - now % 60 - seconds) % HOUR
        told = oracle.burn(oracle.error_ratio(events, since, seconds), Fraction(target))
        assert (told is None) == (view.burn_rate is None)
        assert told is None or (view.burn_rate is not None and near(told, view.burn_rate))
    period = 30 * DAY + (now - now % 60) % HOUR
    left = oracle.remaining(events, now, period, Fraction(target))
    assert (left is None) == (found.remaining is None) == (found.status is Status.NO_DATA)
    assert left is None or (found.remaining is not None and near(left, found.remaining))


@settings(max_examples=200, deadline=None)
@given(histories(), TARGETS, st.integers(1, 20))
def test_alerts_fire_exactly_when_the_oracle_says_so(
    history: tuple[int, list[oracle.Event]], target: str, least: int
) -> None:
    now, events = history
    objective = Objective(name="x", target=float(target), min_bad_events=least)
    found = stand("x", objective, tallies_of(objective, now, events), now=now)
    for alert, view in zip(ALERTS, found.alerts, strict=True):
        share = Fraction(str(alert.budget))
        for seconds in (alert.long_seconds, alert.short_seconds):
            rate = oracle.burn(oracle.error_ratio(events, now, seconds), Fraction(target))
            limit = share * 30 * DAY / alert.long_seconds
            # On the very edge binary fractions may fall to either side.
            assume(rate is None or abs(rate - limit) > Fraction(1, 10**9))
        row = share, alert.long_seconds, alert.short_seconds
        assert view.fires == oracle.fires(events, now, Fraction(target), row, period=30 * DAY, least=least)


@pytest.mark.parametrize(
    ("days", "share", "hours", "factor"),
    [
        (30, 0.02, 1, 14.4), (30, 0.05, 6, 6.0), (30, 0.10, 24, 3.0), (30, 0.10, 72, 1.0),
        (28, 0.02, 1, 13.44), (28, 0.05, 6, 5.6), (28, 0.10, 24, 2.8), (28, 0.10, 72, 0.9333333),
        (7, 0.08, 1, 13.44), (7, 0.125, 6, 3.5), (7, 0.20, 24, 1.4), (7, 0.42, 72, 0.98),
    ],
)  # fmt: skip
def test_factors_are_those_of_the_workbook_and_of_sloth(days: int, share: float, hours: int, factor: float) -> None:
    alert = BurnAlert(severity="page", budget=share, long_seconds=hours * HOUR, short_seconds=5 * MINUTE)
    assert burn.factor(alert, days * DAY) == pytest.approx(factor)


@settings(max_examples=200, deadline=None)
@given(st.floats(0.0001, 1), st.integers(2, 72), TARGETS)
def test_an_alert_can_fire_exactly_when_total_failure_sets_it_off(share: float, hours: int, target: str) -> None:
    alert = BurnAlert(severity="page", budget=share, long_seconds=hours * HOUR, short_seconds=5 * MINUTE)
    goal = Goal(float(target), 30 * DAY)
    assume(abs(burn.factor(alert, goal.period) * goal.budget - 1) > 1e-9)
    all_failed = Tally(0, 1000)
    assert burn.can_fire(alert, goal) == burn.fires(alert, goal, long=all_failed, short=all_failed, least_bad=3)
    assert (share < burn.largest_budget(alert, goal)) == burn.can_fire(alert, goal)


def test_a_target_of_ninety_per_cent_never_pages_within_the_hour() -> None:
    goal = Goal(0.9, 30 * DAY)
    assert not burn.can_fire(ALERTS[0], goal)
    assert burn.can_fire(ALERTS[0], Goal(0.95, 30 * DAY))
    assert burn.fires_after(ALERTS[0], goal, 1.0) is None


def test_time_to_fire_is_told_for_a_failure_of_any_extent() -> None:
    # All calls of a 99.9 % objective fail: 14.4 * 0.001 of an hour later, 52 seconds.
    assert burn.fires_after(ALERTS[0], Goal(0.999, 30 * DAY), 1.0) == pytest.approx(51.84)


@settings(max_examples=100, deadline=None)
@given(st.floats(0.01, 5), st.floats(0.001, 1))
def test_a_budget_is_exhausted_when_the_rate_has_spent_what_was_left(rate: float, left: float) -> None:
    period = 30.0 * DAY
    seconds = burn.exhausted_in(left, rate, period)
    assert seconds is not None
    assert burn.eaten(rate, seconds, period) == pytest.approx(left)


def test_nothing_happened_is_no_data() -> None:
    objective = Objective(name="x", target=0.99)
    found = stand("x", objective, dict.fromkeys(windows_of(objective), Tally()), now=NOW)
    assert (found.status, found.remaining, found.sli_value, found.violations) == (Status.NO_DATA, None, None, 0)
    assert found.exhausted_in_seconds is None
    assert {one.burn_rate for one in found.burn_rates} == {None}


def test_few_failures_wake_nobody() -> None:
    objective = Objective(name="x", target=0.999)
    two_of_five = dict.fromkeys(windows_of(objective), Tally(3, 5))
    assert stand("x", objective, two_of_five, now=NOW).violations == 0
    assert stand("x", objective, two_of_five, now=NOW).pace is Pace.NORMAL
    three_of_six = dict.fromkeys(windows_of(objective), Tally(3, 6))
    assert stand("x", objective, three_of_six, now=NOW).violations == 4
    assert stand("x", objective, three_of_six, now=NOW).pace is Pace.CRITICAL


@pytest.mark.parametrize(
    ("remaining", "status"),
    [(1.0, "HEALTHY"), (0.501, "HEALTHY"), (0.5, "WARNING"), (0.2, "CRITICAL"), (0.0, "EXHAUSTED"), (-3, "EXHAUSTED")],
)
def test_statuses_begin_at_their_thresholds(remaining: float, status: str) -> None:
    assert burn.status_of(remaining, Thresholds()).value == status


@pytest.mark.parametrize(
    ("rate", "pace"),
    [(None, "NORMAL"), (1.0, "NORMAL"), (1.01, "ELEVATED"), (5.99, "ELEVATED"), (6.0, "FAST"), (14.4, "CRITICAL")],
)
def test_paces(rate: float | None, pace: str) -> None:
    assert burn.pace_of(rate).value == pace


@settings(max_examples=200, deadline=None)
@given(
    st.integers(NOW, NOW + 3 * DAY),
    st.sets(st.integers(1, 90 * 24 * 60).map(lambda n: n * MINUTE), min_size=1, max_size=6),
)
def test_spans_cover_every_window_once(now: int, lengths: set[int]) -> None:
    found = spans(now, lengths)
    assert all(one.until == other.since for one, other in pairwise(found))
    assert found[-1].until == floor(now, MINUTE) + MINUTE
    assert all(one.width == MINUTE or one.since % HOUR == one.until % HOUR == 0 for one in found)
    # Minutes are asked for only as far back as they are kept, and hours only once they are over.
    assert all(one.since > now - 4 * DAY - 2 * HOUR for one in found if one.width == MINUTE)
    assert all(one.until <= now - HOUR for one in found if one.width == HOUR)
