"""How many answers side by side: learned from a node that says nothing, against a model of one."""

import heapq
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from cluster_ai.gateway.nodes.capacity import FIRST_LIMIT, RETRY_SECONDS, SLACK_FACTOR, SLACK_SECONDS, Capacity, Waiting

EXPECTED = 0.05


class Node:
    """A node with real slots, in virtual time: as many calls are sent to it as the limit lets through."""

    def __init__(self, capacity: Capacity, slots: int, *, hold: float = 2.0) -> None:
        self.capacity, self.slots, self.hold = capacity, slots, hold
        self.now = 0.0
        self.inside: list[Waiting] = []
        self.running: list[float] = []
        self.begun = 0
        self.queued = 0
        """Calls that found no slot."""

    def busy_for(self, seconds: float) -> "Node":
        """Somebody always waits to be let in."""
        end = self.now + seconds
        while self.now < end:
            self._fill()
            self._step()
        return self

    def _fill(self) -> None:
        while len(self.inside) + len(self.running) < self.capacity.limit(self.now):
            self.inside.append(self.capacity.sent(self.now))
            self._start()
            self.queued += len(self.inside)

    def _start(self) -> None:
        while self.inside and len(self.running) < self.slots:
            waiting = self.inside.pop(0)
            self.capacity.begun(waiting, expected=EXPECTED, now=self.now + EXPECTED)
            self.begun += 1
            heapq.heappush(self.running, self.now + EXPECTED + self.hold)

    def _step(self) -> None:
        self.now = heapq.heappop(self.running)
        self.capacity.over()
        self._start()


@settings(deadline=None)
@given(slots=st.integers(1, 40), hold=st.floats(0.8, 30))
def test_the_real_number_is_found(slots: int, hold: float) -> None:
    node = Node(Capacity(), slots, hold=hold).busy_for(60 * hold)
    # Where a slot is free again at once, a call too many waits too little to be noticed, or to matter.
    unnoticed = math.ceil(slots * (SLACK_SECONDS + SLACK_FACTOR * EXPECTED) / hold)
    assert slots <= node.capacity.limit(node.now) <= slots + 1 + unnoticed


def test_a_node_with_many_slots_is_filled_in_a_few_rounds() -> None:
    node = Node(Capacity(), 64).busy_for(10.0)
    assert node.capacity.limit(node.now) >= 64


def test_a_single_slot_is_known_after_the_first_queue() -> None:
    node = Node(Capacity(), 1).busy_for(9.0)
    assert node.capacity.limit(node.now) == 1


def test_more_is_tried_after_a_while_and_found_when_it_is_there() -> None:
    node = Node(Capacity(), 2).busy_for(RETRY_SECONDS)
    assert node.capacity.limit(node.now) <= 3
    node.slots = 6
    node.busy_for(4 * RETRY_SECONDS)
    assert node.capacity.limit(node.now) >= 6


def test_trying_becomes_rarer_when_it_finds_nothing() -> None:
    node = Node(Capacity(), 2)
    tries = []
    for _ in range(40):
        before = node.queued
        node.busy_for(30.0)
        tries.append(node.queued - before)
    assert sum(tries[:20]) > sum(tries[20:])


def test_an_idle_limit_does_not_grow() -> None:
    capacity = Capacity()
    for number in range(50):
        capacity.begun(capacity.sent(float(number)), expected=EXPECTED, now=number + EXPECTED)
        capacity.over()
    assert capacity.limit(50.0) == FIRST_LIMIT


def test_a_slow_first_byte_alone_proves_nothing() -> None:
    capacity = Capacity()
    for number in range(10):
        capacity.begun(capacity.sent(0.0), expected=EXPECTED, now=20.0)
        assert capacity.limit(20.0 + number) == FIRST_LIMIT


def test_what_is_declared_is_believed() -> None:
    node = Node(Capacity(declared=7), 2).busy_for(60.0)
    assert node.capacity.limit(node.now) == 7


def test_a_node_that_is_back_gets_little_at_first_and_soon_more() -> None:
    node = Node(Capacity(), 8).busy_for(30.0)
    node.capacity.start_slowly()
    assert node.capacity.limit(node.now) == 1
    node.busy_for(30.0)
    assert node.capacity.limit(node.now) >= 8


def alone(capacity: Capacity, *, at: float) -> None:
    """One call, answered at once, with nobody beside it."""
    capacity.begun(capacity.sent(at), expected=EXPECTED, now=at + EXPECTED)
    capacity.over()


def test_a_node_that_is_back_is_trusted_as_before_though_calls_come_one_at_a_time() -> None:
    capacity = Capacity(learned=8, proven=8)
    capacity.start_slowly()
    trusted = []
    for number in range(4):
        alone(capacity, at=float(number))
        trusted.append(capacity.proven)
    assert trusted == [2, 4, 8, 8]
    assert capacity.limit(4.0) >= 8


def test_a_node_that_came_back_smaller_is_not_trusted_as_before() -> None:
    node = Node(Capacity(), 8).busy_for(30.0)
    node.capacity.start_slowly()
    node.slots = 2
    node.busy_for(30.0)
    assert node.capacity.limit(node.now) <= 3
    alone(node.capacity, at=node.now)
    assert node.capacity.proven <= 3


def one_after_another(capacity: Capacity, *, inside: float, times: int) -> None:
    """Calls come in pairs to a node with one place; the second begins soon after the first has ended."""
    for number in range(times):
        at = 10.0 * number
        first, second = capacity.sent(at), capacity.sent(at)
        capacity.begun(first, expected=1.0, now=at + 1.0)
        capacity.over()
        capacity.told(first, 0.0, now=at + 1.1)
        capacity.begun(second, expected=1.0, now=at + 1.0 + inside)
        capacity.over()
        capacity.told(second, inside, now=at + 2.0 + inside)


def test_a_node_that_tells_of_waiting_is_believed_before_the_clock() -> None:
    capacity = Capacity()
    one_after_another(capacity, inside=0.6, times=1)
    assert capacity.speaks
    assert (capacity.limit(3.0), capacity.proven) == (1, 1), "the clock alone would have called that at once"


def test_a_node_that_never_tells_of_waiting_is_timed() -> None:
    capacity = Capacity()
    one_after_another(capacity, inside=0.0, times=4)
    assert not capacity.speaks
    assert capacity.limit(50.0) >= FIRST_LIMIT


def test_a_tried_limit_that_proves_wrong_is_set_back_at_the_first_sign() -> None:
    capacity = Capacity()
    one_after_another(capacity, inside=0.6, times=1)
    later = 100.0 + RETRY_SECONDS
    assert capacity.limit(later) == 2
    first, second = capacity.sent(later), capacity.sent(later)
    capacity.begun(first, expected=1.0, now=later + 1.0)
    capacity.over()
    capacity.begun(second, expected=1.0, now=later + 9.0)
    capacity.told(second, 8.0, now=later + 9.0)
    assert capacity.limit(later + 9.0 + RETRY_SECONDS) == 1, "and is tried less often"


def test_a_model_has_as_many_places_as_the_nodes_others_until_it_shows_more() -> None:
    unsure, sure, told = Capacity(), Capacity(learned=5, is_set=True), Capacity(3)
    for capacity in (unsure, sure, told):
        capacity.suppose(1)
    assert (unsure.learned, sure.learned, told.limit(0.0)) == (1, 5, 3)
    unsure.proven = 4
    unsure.suppose(2)
    assert unsure.limit(0.0) == 4


def test_answers_that_end_together_do_not_hide_how_many_they_were() -> None:
    capacity = Capacity(learned=6)
    calls = [capacity.sent(0.0) for _ in range(6)]
    for call in calls[:4]:
        capacity.begun(call, expected=EXPECTED, now=EXPECTED)
    for _ in range(4):
        capacity.over()
    for call in calls[4:]:
        capacity.begun(call, expected=EXPECTED, now=2.0)
    assert (capacity.limit(2.0), capacity.proven) == (4, 4)


def test_who_stands_in_line_does_not_count_as_being_read() -> None:
    capacity = Capacity(learned=5)
    calls = [capacity.sent(0.0) for _ in range(5)]
    for call in calls[:4]:
        capacity.begun(call, expected=EXPECTED, now=EXPECTED)
    assert capacity.proven == 4
    capacity.over()
    capacity.begun(calls[4], expected=EXPECTED, now=2.0)
    assert (capacity.limit(2.0), capacity.proven) == (5, 4)


def test_short_answers_that_were_read_together_prove_it_though_they_never_ran_together() -> None:
    capacity = Capacity()
    calls = [capacity.sent(0.0) for _ in range(3)]
    for call in calls:
        capacity.begun(call, expected=EXPECTED, now=EXPECTED)
        capacity.over()
    assert capacity.proven == 3
