"""What is expected of a node follows what it did; what was not measured is assumed with care."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.gateway.dialects.records import Record
from cluster_ai.gateway.nodes.breaker import Breaker
from cluster_ai.gateway.nodes.capacity import FIRST_LIMIT, Capacity
from cluster_ai.gateway.nodes.lane import Lane, new_lane
from cluster_ai.gateway.nodes.learned import FADE_SECONDS, Learned, Pace, Smooth
from cluster_ai.gateway.nodes.memory import SWAP_SECONDS, Memory
from cluster_ai.gateway.relaying.budget import RetryBudget
from cluster_ai.gateway.types import GatewaySettings, ModelView

GB = 10**9


@given(values=st.lists(st.floats(0.01, 100), min_size=1, max_size=50))
def test_the_mean_stays_among_the_values(values: list[float]) -> None:
    smooth = Smooth()
    for value in values:
        smooth.add(value)
    assert min(values) <= smooth.mean <= max(values)
    assert smooth.high >= smooth.mean


def test_rates_come_from_enough_tokens_only() -> None:
    learned = Learned()
    learned.read_prompt(3, 0.001)
    learned.wrote(2, 0.001)
    learned.read_prompt(1000, 1e-9)
    assert (learned.prefill.mean, learned.decode.mean) == (None, None)
    learned.read_prompt(1000, 2.0)
    learned.wrote(100, 4.0)
    assert (learned.prefill.mean, learned.decode.mean) == (500, 25)


def test_a_long_prompt_is_waited_for_longer() -> None:
    learned = Learned()
    assert learned.longest_ttft(20_000) > 100 * learned.longest_ttft(100)
    learned.ttft.add(0.5)
    learned.read_prompt(1000, 1.0)
    assert learned.longest_ttft(30_000) == pytest.approx(90)


def test_trouble_fades() -> None:
    learned = Learned()
    learned.went(well=False, now=0.0)
    fresh = learned.trouble(0.0)
    assert fresh > 0.2
    assert learned.trouble(FADE_SECONDS) == pytest.approx(fresh / 2)
    assert learned.trouble(100 * FADE_SECONDS) == 0.0
    learned.went(well=True, now=0.0)
    assert learned.trouble(0.0) < fresh


def test_a_load_is_estimated_by_size_until_it_was_measured() -> None:
    learned = Learned(size=GB)
    assert Learned(size=40 * GB).load_seconds > learned.load_seconds > 1
    learned.was_loaded(12.0)
    assert learned.load_seconds == 12


def test_what_one_model_did_on_a_node_says_what_to_expect_of_its_others() -> None:
    pace = Pace()
    small, large = Learned(pace, 2 * GB), Learned(pace, 20 * GB)
    assert (large.reads, large.writes) == (None, None)
    small.read_prompt(1000, 0.5)
    small.wrote(100, 1.0)
    small.was_loaded(3.0)
    assert (large.reads, large.writes) == (200, 10)
    assert large.load_seconds == pytest.approx(21)
    large.wrote(100, 5.0)
    assert large.writes == 20, "its own is believed first"


def test_a_first_byte_is_expected_when_the_prompt_is_read() -> None:
    learned = Learned(size=GB)
    learned.read_prompt(1000, 1.0)
    learned.began(1000, 1.2)
    assert learned.usual_ttft(4000) == pytest.approx(4.2)
    assert learned.usual_ttft(0) == pytest.approx(0.2)


def test_the_budget_is_a_share_of_traffic() -> None:
    budget = RetryBudget(0.1)
    assert sum(budget.spend() for _ in range(10)) == 3, "a few at once are always affordable"
    tries = 0
    for _ in range(1000):
        budget.call()
        tries += budget.spend()
    assert 95 <= tries <= 100


def test_quiet_times_do_not_save_up_a_storm() -> None:
    budget = RetryBudget(0.1)
    for _ in range(100_000):
        budget.call()
    assert sum(budget.spend() for _ in range(1000)) <= 20


def swapped(memory: Memory, times: int, at: float = 0.0) -> float:
    for number in range(times):
        memory.seen({f"model-{number % 2}": 4 * GB}, at + number)
    return at + times - 1


def test_what_throws_out_is_learned_from_what_leaves() -> None:
    memory = Memory()
    assert memory.victims("model-1", 4 * GB) == [], "nothing is known of a node that was never full"
    now = swapped(memory, 4)
    assert memory.victims("model-0", 4 * GB) == ["model-1"]
    assert memory.swap_seconds(["model-1"], now) == SWAP_SECONDS
    assert memory.swap_seconds(["model-1"], now + SWAP_SECONDS) == 0.0
    assert memory.victims("model-1", 4 * GB) == [], "it is there"


def test_one_coincidence_is_not_believed_and_proof_of_room_ends_the_belief() -> None:
    memory = Memory()
    swapped(memory, 2)
    assert not memory.victims("model-0", 4 * GB)
    swapped(memory, 4, at=10.0)
    assert memory.victims("model-0", 4 * GB)
    memory.seen({"model-0": 4 * GB, "model-1": 4 * GB}, 20.0)
    memory.seen({"model-0": 4 * GB}, 21.0)
    assert not memory.victims("model-1", 4 * GB)


def test_what_was_used_a_moment_ago_left_for_what_is_being_loaded() -> None:
    memory = Memory()
    memory.seen({"used": 8 * GB}, 0.0)
    memory.uses("used", 90.0)
    memory.seen({}, 100.0, arriving={"next": 6 * GB})
    assert memory.too_much == 14 * GB
    memory.seen({"next": 6 * GB}, 110.0)
    assert memory.victims("used", 8 * GB) == ["next"]


def test_of_several_that_left_the_last_would_have_stayed_if_it_had_fitted() -> None:
    memory = Memory()
    memory.seen({"small": 2 * GB, "middle": 5 * GB, "code": 9 * GB}, 0.0)
    memory.uses("code", 90.0)
    memory.seen({"small": 2 * GB}, 100.0, arriving={"large": 20 * GB})
    assert memory.too_much == 31 * GB
    memory.seen({"small": 2 * GB, "large": 20 * GB}, 110.0)
    assert memory.victims("middle", 5 * GB), "more than was ever there at once is hardly believed to fit"


def test_what_was_used_longest_ago_leaves_first_and_what_answers_last() -> None:
    memory = Memory(most=12 * GB, too_much=13 * GB)
    memory.seen({"old": 4 * GB, "new": 4 * GB, "newest": 4 * GB}, 0.0)
    memory.uses("new", 5.0)
    memory.uses("newest", 9.0)
    assert memory.victims("next", 4 * GB) == ["old"]
    assert memory.victims("next", 8 * GB) == ["old", "new"]
    assert memory.victims("next", 4 * GB, in_use={"old"}) == ["new"]
    there = {**memory.loaded, "coming": 4 * GB}
    assert memory.victims("next", 4 * GB, there=there) == ["coming", "old"]
    assert memory.swap_seconds(["coming"], 100.0) == SWAP_SECONDS, "it has not even come"


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ({"total_duration": 9e9, "load_duration": 1e9, "prompt_eval_duration": 2e9, "eval_duration": 4e9}, 2.0),
        ({"total_duration": 5e9, "prompt_eval_duration": 2e9, "eval_duration": 4e9}, 0.0),
        ({"eval_duration": 4e9}, None),
        ({"total_duration": 5e9}, None),
        ({}, None),
    ],
)
def test_what_is_missing_from_the_parts_of_an_answer_was_waiting(last: dict, expected: float | None) -> None:
    assert Record(b"", {name: int(value) for name, value in last.items()}).seconds_inside == expected


def test_a_models_places_are_taken_to_be_those_of_the_nodes_other_models() -> None:
    known, unsure = Capacity(learned=6, is_set=True), Capacity(learned=9)
    others = [Lane(Breaker(3, 5.0), capacity) for capacity in (known, unsure)]
    model = ModelView(name="m", size=GB)
    assert new_lane(GatewaySettings(), model, slots=None, pace=Pace(), others=others).capacity.limit(0.0) == 6
    assert new_lane(GatewaySettings(), model, slots=None, pace=Pace()).capacity.limit(0.0) == FIRST_LIMIT
    assert new_lane(GatewaySettings(), model, slots=3, pace=Pace(), others=others).capacity.limit(0.0) == 3
