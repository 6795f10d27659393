"""Energy in tokens and money."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.nodes.power import (
    LONGEST_GAP,
    NOTHING,
    Drawn,
    Meter,
    cost,
    cost_of_a_million,
    summed,
    tokens_per_watt_hour,
)

Readings = list[tuple[float, float | None]]


def drawn_over(readings: Readings, *, longest_gap: float = LONGEST_GAP) -> Drawn:
    """``readings``: seconds since the one before, and watts."""
    meter, now, parts = Meter(longest_gap), 1000.0, []
    for seconds, watts in readings:
        now += seconds
        parts.append(meter.read(watts, now))
    return summed(parts)


def test_an_hour_at_a_hundred_watts_is_a_hundred_watt_hours() -> None:
    drawn = drawn_over([(10.0, 100.0)] * 361)
    assert drawn.watt_hours == pytest.approx(100.0)
    assert drawn.measured_seconds == pytest.approx(3600.0)


def test_time_that_nobody_measured_counts_for_nothing() -> None:
    assert drawn_over([(0.0, 100.0), (10.0, None), (10.0, 100.0), (LONGEST_GAP + 1, 100.0)]) == NOTHING


def test_same_reading_twice_counts_once() -> None:
    assert drawn_over([(0.0, 360.0), (10.0, 360.0), (0.0, 360.0), (10.0, 360.0)]) == Drawn(2.0, 20.0)


READINGS = st.lists(st.tuples(st.floats(0.0, 100.0), st.none() | st.floats(0.0, 10_000.0)), max_size=30)


@given(READINGS)
def test_sum_lies_between_the_least_and_the_most_that_was_told(readings: Readings) -> None:
    drawn = drawn_over(readings)
    told = [watts for _, watts in readings if watts is not None] or [0.0]
    hours = drawn.measured_seconds / 3600
    assert min(told) * hours * (1 - 1e-9) <= drawn.watt_hours <= max(told) * hours * (1 + 1e-9)
    assert drawn.measured_seconds <= sum(seconds for seconds, _ in readings[1:]) + 1e-6


@given(READINGS, st.integers(0, 30))
def test_reading_less_often_only_ever_leaves_time_out(readings: Readings, hole: int) -> None:
    told = [(seconds, None if number == hole else watts) for number, (seconds, watts) in enumerate(readings)]
    assert drawn_over(told).measured_seconds <= drawn_over(readings).measured_seconds + 1e-6


def test_tokens_and_money() -> None:
    assert tokens_per_watt_hour(5000, 2.5) == pytest.approx(2000.0)
    assert tokens_per_watt_hour(5000, 0.0) is None
    assert cost(1500.0, price=0.30) == pytest.approx(0.45)
    assert cost_of_a_million(2000.0, price=0.30) == pytest.approx(0.15)
    assert cost_of_a_million(None, price=0.30) is None
