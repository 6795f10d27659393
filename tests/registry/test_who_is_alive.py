"""The rule: doubted after 3 silent seconds, unreachable after 5, forgotten after 25; and what bends it."""

from collections.abc import Callable

import pytest

from cluster_ai.registry.detector import Pulse, Rule, beaten, doubted_after, judge, phi
from cluster_ai.registry.types import Renewal, State, UnknownInstance
from tests.registry.making import ME, World, world

BEAT = Renewal()


def states(found: World, one: str, seconds: float, every: Callable[[float], None] = lambda _: None) -> list[State]:
    """Each state that it goes through, in turn; ``every`` is called with the time that has passed."""
    seen, began = [found.state(one)], found.time.now
    while found.time.now < began + seconds:
        found.pass_time(0.1)
        every(found.time.now - began)
        if (state := found.state(one)) is not seen[-1]:
            seen.append(state)
    return seen


def beating(
    found: World, one: str, *, pause: float = 1.0, on: Callable[[float], bool] = lambda _: True
) -> Callable[[float], None]:
    last = [0.0]

    def beat(passed: float) -> None:
        if on(passed) and passed - last[0] >= pause - 1e-6:
            last[0] = passed
            found.registry.renew(one, BEAT, ME)

    return beat


def test_silence_is_doubted_then_dead_then_forgotten() -> None:
    found = world()
    one = found.add()
    found.pass_time(2.9)
    assert found.state(one) is State.HEALTHY
    found.pass_time(0.4)
    assert found.state(one) is State.DEGRADED
    found.pass_time(1.4)
    assert found.state(one) is State.DEGRADED
    found.pass_time(0.6)
    assert found.state(one) is State.UNREACHABLE
    found.pass_time(19)
    assert found.state(one) is State.UNREACHABLE
    found.pass_time(1.2)
    with pytest.raises(UnknownInstance):
        found.state(one)


def test_a_longer_lease_stretches_the_rule() -> None:
    found = world()
    one = found.add(lease_seconds=50.0)
    found.pass_time(29)
    assert found.state(one) is State.HEALTHY
    found.pass_time(4)
    assert found.state(one) is State.DEGRADED
    found.pass_time(20)
    assert found.state(one) is State.UNREACHABLE
    found.pass_time(190)
    assert found.state(one) is State.UNREACHABLE


def test_a_regular_one_is_doubted_sooner_but_never_before_the_floor() -> None:
    rule, pulse = Rule(), Pulse(0.0, 0.0)
    for beat in range(1, 40):
        beaten(pulse, beat * 0.2, rule=rule)
    assert doubted_after(pulse, rule) == rule.floor
    slower = Pulse(0.0, 0.0)
    for beat in range(1, 40):
        beaten(slower, float(beat), rule=rule)
    assert rule.floor < doubted_after(slower, rule) < rule.suspect
    assert judge(slower, 39 + doubted_after(slower, rule) + 0.01, rule) is State.DEGRADED


def test_an_irregular_one_gets_the_whole_time_and_no_more() -> None:
    rule, pulse = Rule(), Pulse(0.0, 0.0)
    now = 0.0
    for pause in [0.3, 2.5] * 20:
        now += pause
        beaten(pulse, now, rule=rule)
    assert doubted_after(pulse, rule) == rule.suspect


def test_phi_grows_with_silence() -> None:
    rule, pulse = Rule(), Pulse(0.0, 0.0)
    for beat in range(1, 20):
        beaten(pulse, float(beat), rule=rule)
    row = [phi(pulse, 19 + silence) for silence in (0.5, 1.0, 1.5, 2.0, 2.5)]
    assert row == sorted(row)
    assert row[0] < 1
    assert row[-1] > 8
    doubted = 19 + pulse.mean + 5.612 * 0.25 * pulse.mean
    assert phi(pulse, doubted) == pytest.approx(8, abs=0.05)


def test_beats_that_go_on_change_nothing() -> None:
    found = world()
    one = found.add()
    assert states(found, one, 120, beating(found, one)) == [State.HEALTHY]


def test_the_wall_clock_decides_nothing() -> None:
    found = world()
    one = found.add()
    for jump in (7200.0, -86_400.0):
        found.time.wall += jump
        found.pass_time(1)
        assert found.state(one) is State.HEALTHY
        found.registry.renew(one, BEAT, ME)
    found.time.wall += 7200
    found.pass_time(5.2)
    assert found.state(one) is State.UNREACHABLE
    assert found.registry.get(one).seen_at == pytest.approx(found.time.wall - 5.2)


def test_evidence_wins_over_silence() -> None:
    """The beats are lost, calls to it succeed: it stays what it is, without a change."""
    found = world()
    one = found.add()
    assert states(found, one, 90, lambda _: found.registry.evidence(one, True)) == [State.HEALTHY]
    found.pass_time(5.2)
    assert found.state(one) is State.UNREACHABLE


def test_three_failed_calls_are_doubt_though_it_beats() -> None:
    found = world()
    one = found.add()
    for _ in range(2):
        found.registry.evidence(one, False)
    assert found.state(one) is State.HEALTHY
    found.registry.evidence(one, False)
    assert found.state(one) is State.DEGRADED
    assert states(found, one, 29, beating(found, one)) == [State.DEGRADED]
    found.registry.evidence(one, True)
    assert found.state(one) is State.HEALTHY


def test_failed_calls_are_forgiven_when_nobody_calls_any_more() -> None:
    found = world()
    one = found.add()
    for _ in range(3):
        found.registry.evidence(one, False)
    assert states(found, one, 40, beating(found, one)) == [State.DEGRADED, State.HEALTHY]


def test_its_own_word_counts_at_once() -> None:
    found = world()
    one = found.add()
    assert found.registry.renew(one, Renewal(well=False), ME).state is State.DEGRADED
    assert found.registry.renew(one, BEAT, ME).state is State.HEALTHY


@pytest.mark.parametrize("period", [3.0, 4.0])
def test_a_flapping_one_changes_twice_a_minute_at_most(period: float) -> None:
    """Up for some seconds, then as long down, for three minutes."""
    found = world()
    one = found.add()
    changes, before = [], found.state(one)
    beat = beating(found, one, pause=0.5, on=lambda passed: passed // period % 2 == 0)
    began = found.time.now
    while found.time.now < began + 180:
        found.pass_time(0.1)
        beat(found.time.now - began)
        if (state := found.state(one)) is not before:
            changes.append(found.time.now)
            before = state
    assert changes
    assert all(sum(at <= other < at + 60 for other in changes) <= 2 for at in changes)


def test_death_is_told_at_once_though_it_flapped_and_return_waits_for_calm() -> None:
    found = world()
    one = found.add()
    found.pass_time(3.3)
    assert found.state(one) is State.DEGRADED
    assert found.registry.renew(one, BEAT, ME).state is State.HEALTHY
    found.pass_time(4)
    assert found.state(one) is State.HEALTHY, "doubt would be the third change"
    found.pass_time(1.3)
    assert found.state(one) is State.UNREACHABLE
    assert states(found, one, 50, beating(found, one)) == [State.UNREACHABLE, State.DEGRADED]
    assert states(found, one, 15, beating(found, one)) == [State.DEGRADED, State.HEALTHY]


def test_an_outage_of_the_registry_itself_is_nobodys_silence() -> None:
    found = world()
    one = found.add()
    found.registry.tick(found.time.now)
    found.time.now += 60
    found.registry.tick(found.time.now)
    assert found.state(one) is State.HEALTHY
    found.time.now += 0.25
    found.registry.tick(found.time.now)
    assert found.state(one) is State.HEALTHY
    for _ in range(21):
        found.time.now += 0.25
        found.registry.tick(found.time.now)
    assert found.state(one) is State.UNREACHABLE


def test_who_comes_back_after_an_outage_is_healthy_at_once() -> None:
    found = world()
    one = found.add()
    found.pass_time(10)
    assert found.state(one) is State.UNREACHABLE
    assert found.registry.renew(one, BEAT, ME).state is State.HEALTHY
