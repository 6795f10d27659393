"""How many tickets make a batch: by how long they took of late, and by how many wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.plans import pace
from cluster_ai.plans.pace import Pace

SECONDS = st.floats(0, 1e6, allow_nan=False)


def seen(*seconds: float) -> Pace:
    known = Pace()
    for one in seconds:
        known.saw("p", "EXECUTE", one)
    return known


def test_of_what_nobody_has_seen_there_is_no_batch() -> None:
    assert Pace().size("p", "EXECUTE", waiting=10_000, slots=2) == 1
    known = seen(0.001)
    assert known.size("other", "EXECUTE", waiting=10_000, slots=2) == 1
    assert known.size("p", "INFER", waiting=10_000, slots=2) == 1


@pytest.mark.parametrize(
    ("seconds", "waiting", "slots", "size"),
    [
        (0.0, 10_000, 2, 64),
        (0.01, 10_000, 2, 50),
        (0.2, 10_000, 2, 2),
        (0.4, 10_000, 2, 1),
        (30.0, 10_000, 2, 1),
        (0.01, 100, 2, 25),
        (0.01, 101, 2, 26),
        (0.01, 3, 8, 1),
        (0.01, 0, 0, 1),
    ],
)
def test_a_batch_is_done_in_half_a_second_and_leaves_some_for_the_others(
    seconds: float, waiting: int, slots: int, size: int
) -> None:
    assert seen(seconds).size("p", "EXECUTE", waiting=waiting, slots=slots) == size


def test_one_that_took_long_says_at_once_what_is_to_be_expected() -> None:
    known = seen(*[0.001] * 100, 2.5)
    assert known.mean("p", "EXECUTE") == 2.5
    assert known.size("p", "EXECUTE", waiting=10_000, slots=2) == 1
    for _ in range(40):
        known.saw("p", "EXECUTE", 0.001)
    assert known.size("p", "EXECUTE", waiting=10_000, slots=2) > 1, "it comes back when they are brief again"


@given(st.lists(SECONDS, min_size=1, max_size=30), st.integers(0, 10**6), st.integers(0, 1000))
def test_a_batch_is_never_empty_nor_too_large(took: list[float], waiting: int, slots: int) -> None:
    known = seen(*took)
    mean = known.mean("p", "EXECUTE")
    assert mean is not None
    assert min(took) <= mean <= max(took)
    size = known.size("p", "EXECUTE", waiting=waiting, slots=slots)
    assert 1 <= size <= pace.MOST
    assert size == 1 or (size * mean <= pace.LENGTH_SECONDS and (size - 1) * 2 * max(1, slots) < waiting)


def test_what_was_not_heard_of_for_longest_is_forgotten() -> None:
    known = seen(0.5)
    for number in range(pace.KNOWN):
        known.saw(f"p{number}", "EXECUTE", 0.5)
    assert known.mean("p", "EXECUTE") is None
    assert known.mean("p0", "EXECUTE") == 0.5
