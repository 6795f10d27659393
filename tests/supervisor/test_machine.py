"""What a part's life does on every event, without a process."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.supervisor.machine import (
    MISSES,
    Answered,
    Due,
    Ended,
    Event,
    IllegalTransition,
    Launched,
    Life,
    Missed,
    RestartAsked,
    StopAsked,
    apply,
    backoff,
    is_hung,
)
from cluster_ai.supervisor.types import PartState, SupervisorSettings

POLICY = SupervisorSettings(
    crash_limit=3, crash_window_seconds=60, backoff_seconds=0.5, backoff_cap_seconds=4, patience_seconds=20
)


def after(*events: Event, life: Life | None = None, now: float = 0.0) -> Life:
    life = life or Life()
    for event in events:
        life = apply(life, event, now=now, policy=POLICY)
    return life


def test_a_part_is_ready_once_it_answers() -> None:
    started = after(Launched(7))
    assert (started.state, started.pid) == (PartState.STARTING, 7)
    assert after(Answered(), life=started).state is PartState.READY


def test_a_ready_part_may_miss_a_probe_now_and_then() -> None:
    ready = after(Launched(7), Answered())
    shaken = after(*[Missed("slow")] * (MISSES - 1), life=ready)
    assert (shaken.state, shaken.error) == (PartState.READY, "")
    assert after(Answered(), life=shaken).misses == 0
    sick = after(Missed("slow"), life=shaken)
    assert (sick.state, sick.error) == (PartState.UNHEALTHY, "slow")
    assert after(Answered(), life=sick).state is PartState.READY


def test_a_death_is_followed_by_a_pause_that_doubles_up_to_its_cap() -> None:
    assert [backoff(deaths, POLICY) for deaths in range(1, 7)] == [0.5, 1, 2, 4, 4, 4]
    dead = after(Launched(7), Ended("SIGKILL", error="why"), now=10)
    assert (dead.state, dead.due_at, dead.last_exit, dead.error) == (PartState.BACKOFF, 10.5, "SIGKILL", "why")
    assert dead.pid is None
    again = after(Due(), Launched(8), Answered(), life=dead)
    assert (again.state, again.restarts, again.error) == (PartState.READY, 1, "")


def test_a_crash_loop_ends_in_failed_until_somebody_asks() -> None:
    life = Life()
    for number in range(POLICY.crash_limit):
        assert life.state is not PartState.FAILED
        life = after(Launched(number + 1), Ended("exit 1"), life=life, now=float(number))
        if life.state is PartState.BACKOFF:
            life = after(Due(), life=life)
    assert life.state is PartState.FAILED
    asked = after(RestartAsked(), life=life)
    assert (asked.state, asked.deaths) == (PartState.WAITING, ())


def test_deaths_far_apart_are_no_crash_loop() -> None:
    life = Life()
    for number in range(20):
        at = number * (POLICY.crash_window_seconds + 1)
        life = after(Launched(number + 1), Ended("exit 1"), life=life, now=at)
        assert life.state is PartState.BACKOFF
        life = after(Due(), life=life, now=at)


def test_a_death_with_the_part_it_needs_is_not_held_against_it() -> None:
    life = Life()
    for number in range(10):
        life = after(Launched(number + 1), Ended("exit 1", excused=True), Due(), life=life)
    assert (life.state, life.deaths) == (PartState.WAITING, ())


def test_a_stopped_part_stays_stopped_and_a_restarted_one_comes_back() -> None:
    ready = after(Launched(7), Answered())
    assert after(StopAsked(), Ended("exit 0"), life=ready).state is PartState.STOPPED
    assert after(RestartAsked(), Ended("exit 0"), life=ready).state is PartState.WAITING
    assert after(RestartAsked(), StopAsked(), Ended("exit 0"), life=ready).state is PartState.STOPPED
    assert after(StopAsked()).state is PartState.STOPPED


def test_silence_counts_only_while_a_part_should_be_heard() -> None:
    started = after(Launched(7), now=0)
    assert not is_hung(started, now=POLICY.patience_seconds, policy=POLICY)
    assert is_hung(started, now=POLICY.patience_seconds + 1, policy=POLICY)
    assert not is_hung(after(Answered(), life=started), now=1e6, policy=POLICY)
    assert not is_hung(after(StopAsked(), life=started), now=1e6, policy=POLICY)


def test_what_cannot_happen_is_refused() -> None:
    with pytest.raises(IllegalTransition, match="Launched cannot happen to a part that is ready"):
        after(Launched(1), Answered(), Launched(2))
    with pytest.raises(IllegalTransition):
        after(Answered())


EVENTS = st.sampled_from(
    [
        Launched(1),
        Answered(),
        Missed("x"),
        Ended("exit 1"),
        Ended("x", excused=True),
        Due(),
        StopAsked(),
        RestartAsked(),
    ]
)


@given(st.lists(st.tuples(EVENTS, st.floats(min_value=0, max_value=30)), max_size=60))
def test_whatever_happens_a_life_stays_coherent(story: list[tuple[Event, float]]) -> None:
    life, now = Life(), 0.0
    for event, pause in story:
        now += pause
        try:
            life = apply(life, event, now=now, policy=POLICY)
        except IllegalTransition:
            continue
        assert life.runs == (life.pid is not None)
        assert len(life.deaths) <= POLICY.crash_limit
        assert life.since <= now
        assert life.state is not PartState.BACKOFF or life.due_at >= now
