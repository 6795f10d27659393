"""What a head makes of what it hears: functions of a state, an event and a clock."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.core.errors import Misconfigured
from cluster_ai.election import deciding
from cluster_ai.election.deciding import Following, Leading, Pace, Passed, Refused, Renewed, Seen, Won
from cluster_ai.election.opening import mode_for
from cluster_ai.election.types import ElectionMode, ElectionSettings

PACE = Pace(10.0, 3.0)
MOMENTS = st.floats(0, 1e6)
EVENTS = st.one_of(
    st.builds(Won, st.integers(1, 5), MOMENTS),
    st.builds(Renewed, MOMENTS),
    st.builds(Refused, st.integers(0, 5)),
    st.builds(Passed),
)


def test_a_term_is_counted_from_before_it_was_asked_for() -> None:
    state = deciding.apply(Following(), Won(4, asked=100.0), 103.0, PACE)
    assert state == Leading(4, until=110.0)
    assert deciding.epoch_of(state, 109.9) == 4
    assert deciding.epoch_of(state, 110.0) == 0


def test_a_renewal_lengthens_and_never_shortens() -> None:
    state = deciding.apply(Leading(4, 110.0), Renewed(103.0), 103.2, PACE)
    assert state == Leading(4, 113.0)
    assert deciding.apply(state, Renewed(101.0), 104.0, PACE) == state


def test_who_cannot_renew_in_time_stops_by_itself() -> None:
    assert deciding.apply(Leading(4, 110.0), Passed(), 109.0, PACE) == Leading(4, 110.0)
    assert deciding.apply(Leading(4, 110.0), Passed(), 110.0, PACE) == Following()


def test_a_refusal_of_an_earlier_term_says_nothing_of_this_one() -> None:
    assert deciding.apply(Leading(5, 110.0), Refused(4), 101.0, PACE) == Leading(5, 110.0)
    assert deciding.apply(Leading(5, 110.0), Refused(5), 101.0, PACE) == Following()


@given(st.lists(st.tuples(EVENTS, MOMENTS), max_size=30))
def test_nobody_acts_longer_than_a_term_after_the_last_answer(story: list[tuple[deciding.Event, float]]) -> None:
    state: deciding.State = Following()
    last = 0.0
    for event, now in story:
        before = state
        state = deciding.apply(state, event, now, PACE)
        if isinstance(event, Won) or (isinstance(event, Renewed) and isinstance(before, Leading)):
            last = max(last, event.asked)
        assert deciding.epoch_of(state, last + PACE.ttl) == 0
        if deciding.epoch_of(state, now) and not deciding.epoch_of(before, now):
            assert isinstance(event, Won | Renewed)


def test_a_term_is_free_when_it_is_over_or_was_an_earlier_life_of_ours() -> None:
    seen = Seen(3, "a-1", 1.0, left=4.0)
    assert not deciding.may_take(seen, "b-2")
    assert deciding.may_take(seen, "a-1")
    assert deciding.may_take(replace(seen, left=0.0), "b-2")


def test_a_follower_looks_when_the_term_ends_and_not_all_the_time() -> None:
    assert deciding.next_look(Following(), Seen(left=9.0), PACE) == 3.0
    assert deciding.next_look(Following(), Seen(left=1.5), PACE) == pytest.approx(1.6)
    assert deciding.next_look(Following(), Seen(left=0.0), PACE) == pytest.approx(0.1)
    assert deciding.next_look(Leading(1, 10.0), Seen(left=10.0), PACE) == 3.0
    assert deciding.next_look(Leading(1, 10.0), None, PACE) == 0.5


def test_a_head_that_only_began_anew_is_no_news() -> None:
    assert not deciding.is_news(Seen(3, "a-1"), "a-1")
    assert deciding.is_news(Seen(3, "a-1"), "b-2")
    assert deciding.is_news(Seen(), "b-2")


@pytest.mark.parametrize(("dialect", "mode"), [("sqlite", ElectionMode.SOLO), ("postgresql", ElectionMode.POSTGRES)])
def test_the_mode_goes_by_the_database(dialect: str, mode: ElectionMode) -> None:
    assert mode_for(ElectionMode.AUTO, dialect) is mode_for(mode, dialect) is mode


@pytest.mark.parametrize(
    ("mode", "dialect", "words"),
    [
        (ElectionMode.RAFT, "postgresql", "not there yet"),
        (ElectionMode.RAFT, "sqlite", "not there yet"),
        (ElectionMode.SOLO, "postgresql", "is for SQLite"),
        (ElectionMode.POSTGRES, "sqlite", "needs a PostgreSQL"),
    ],
)
def test_a_mode_that_does_not_fit_is_refused_with_what_to_do(mode: ElectionMode, dialect: str, words: str) -> None:
    with pytest.raises(Misconfigured, match=words) as refused:
        mode_for(mode, dialect)
    assert "auto" in refused.value.hint


def test_a_term_that_could_be_missed_by_one_renewal_is_refused() -> None:
    with pytest.raises(ValueError, match="at most half"):
        ElectionSettings(ttl_seconds=5, renew_seconds=3)
