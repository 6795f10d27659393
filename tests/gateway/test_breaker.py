"""The breaker against a model of it: what it may admit, whatever happens in whatever order."""

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from cluster_ai.gateway.nodes.breaker import LONGEST_PAUSE, Breaker
from cluster_ai.gateway.types import BreakerState

FAILURES, PAUSE = 3, 5.0
chances = st.floats(0, 0.999)


class BreakerMachine(RuleBasedStateMachine):
    """Requests come and go in any order; time passes. ``row`` counts verdicts of failure since the last success."""

    requests = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(FAILURES, PAUSE)
        self.now = 1000.0
        self.row = 0
        self.failed_at = 0.0

    @rule(seconds=st.floats(0, 200))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(target=requests)
    def request_comes(self) -> bool:
        before = self.breaker.state(self.now)
        admitted = self.breaker.admit(self.now)
        assert admitted or before is not BreakerState.CLOSED, "a closed breaker admits everybody"
        assert not admitted or before is not BreakerState.OPEN, "an open one admits nobody"
        return admitted

    @rule(admitted=consumes(requests))
    def it_succeeds(self, admitted: bool) -> None:
        if admitted:
            self.breaker.succeed()
            self.row = 0

    @rule(admitted=consumes(requests), chance=chances)
    def it_fails(self, admitted: bool, chance: float) -> None:
        if admitted:
            self.breaker.fail(self.now, chance=chance)
            self.row, self.failed_at = self.row + 1, self.now

    @rule(admitted=consumes(requests))
    def its_client_leaves(self, admitted: bool) -> None:
        if admitted:
            before = self.breaker.state(self.now)
            self.breaker.abandon()
            assert self.breaker.state(self.now) is before, "who leaves says nothing about the node"

    @invariant()
    def it_is_closed_below_the_limit(self) -> None:
        closed = self.breaker.state(self.now) is BreakerState.CLOSED
        assert closed == (self.row < FAILURES)

    @precondition(lambda self: self.row >= FAILURES)
    @invariant()
    def its_pause_has_a_floor_and_a_cap(self) -> None:
        since = self.now - self.failed_at
        state = self.breaker.state(self.now)
        assert state is BreakerState.OPEN or since >= PAUSE
        assert state is BreakerState.HALF_OPEN or since <= LONGEST_PAUSE * 1.2


BreakerTest = BreakerMachine.TestCase


def opened(times: int, *, chance: float = 0.0) -> tuple[Breaker, float]:
    """A breaker that opened ``times`` times in a row, and the moment of the last."""
    breaker, now = Breaker(FAILURES, PAUSE), 0.0
    for _ in range(FAILURES):
        breaker.fail(now, chance=chance)
    for _ in range(times - 1):
        now += LONGEST_PAUSE * 2
        assert breaker.admit(now)
        breaker.fail(now, chance=chance)
    return breaker, now


def pause_of(breaker: Breaker, now: float) -> float:
    """Seconds until it would be tried again, to a tenth."""
    return next(tenths / 10 for tenths in range(2000) if breaker.state(now + tenths / 10) is not BreakerState.OPEN)


def test_pause_doubles_up_to_its_cap() -> None:
    assert [pause_of(*opened(times)) for times in (1, 2, 3, 4, 5, 50)] == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]


def test_half_open_admits_exactly_one() -> None:
    breaker, now = opened(1)
    later = now + PAUSE
    assert [breaker.admit(later) for _ in range(4)] == [True, False, False, False]
    breaker.abandon()
    assert [breaker.admit(later) for _ in range(2)] == [True, False]
    breaker.succeed()
    assert all(breaker.admit(later) for _ in range(4))
    assert breaker.state(later) is BreakerState.CLOSED


def test_late_failures_of_one_outage_do_not_lengthen_it() -> None:
    """Fifty answers that die together are one failure of the node, not fifty."""
    breaker = Breaker(FAILURES, PAUSE)
    for _ in range(50):
        breaker.fail(0.0, chance=0.0)
    assert pause_of(breaker, 0.0) == PAUSE


@given(chance=chances, times=st.integers(1, 8))
def test_chance_lengthens_a_pause_by_a_fifth_at_most(chance: float, times: int) -> None:
    plain, now = opened(times)
    spread, _ = opened(times, chance=chance)
    assert pause_of(plain, now) <= pause_of(spread, now) <= pause_of(plain, now) * 1.2 + 0.1


def test_success_forgets_earlier_failures() -> None:
    breaker = Breaker(FAILURES, PAUSE)
    for _ in range(20):
        for _ in range(FAILURES - 1):
            breaker.fail(0.0, chance=0.0)
        breaker.succeed()
    assert breaker.state(0.0) is BreakerState.CLOSED
