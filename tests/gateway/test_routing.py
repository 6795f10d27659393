"""Who is asked first: properties of the order, and the rules in words."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.gateway.placing.scorers import STRATEGIES, ExpectedTime, RandomOfTwo, RoundRobin
from cluster_ai.gateway.routing import Ask, Candidate, full_name, rank
from cluster_ai.gateway.types import BreakerState, GatewaySettings, Strategy, UpstreamState

UP = (UpstreamState.HEALTHY, UpstreamState.SUSPECT)
PLAIN = Candidate("a", slots=2, latency=0.1)
ASK = Ask("m", prompt_tokens=100, output_tokens=100)
TIME = ExpectedTime()

seconds = st.floats(0.001, 1000)
candidates = st.lists(
    st.builds(
        Candidate,
        name=st.text("abcdef", min_size=1, max_size=4),
        state=st.sampled_from(UP),
        breaker=st.sampled_from(BreakerState),
        resident=st.booleans(),
        loading=st.none() | seconds,
        slots=st.integers(1, 8),
        inflight=st.integers(0, 50),
        busy=st.integers(0, 50),
        cached_tokens=st.integers(0, 5000),
        load_seconds=seconds,
        blocked_seconds=st.just(0.0) | seconds,
        evict_seconds=st.just(0.0) | seconds,
        forgotten_tokens=st.floats(0, 5000),
        proven=st.integers(1, 8),
        prefill=st.none() | seconds,
        decode=st.none() | seconds,
        hold_seconds=st.none() | seconds,
        latency=st.none() | st.floats(0, 100),
        trouble=st.floats(0, 1),
        swap_seconds=st.just(0.0) | st.floats(0, 30),
        priority=st.integers(-5, 5),
    ),
    max_size=12,
    unique_by=lambda candidate: candidate.name,
)
strategies = pytest.mark.parametrize("strategy", Strategy)


def names(rows: list[Candidate], ask: Ask = ASK) -> list[str]:
    return [choice.candidate.name for choice in rank(rows, TIME, ask)]


@given(given=candidates, seed=st.integers())
def test_same_facts_give_the_same_order(given: list[Candidate], seed: int) -> None:
    mixed = random.Random(seed).sample(given, len(given))
    assert rank(given, TIME, ASK) == rank(mixed, TIME, ASK)


@strategies
@given(given=candidates)
def test_nobody_is_dropped_and_scores_never_fall(strategy: Strategy, given: list[Candidate]) -> None:
    order = rank(given, STRATEGIES[strategy](), ASK)
    assert sorted(choice.candidate.name for choice in order) == sorted(candidate.name for candidate in given)
    scores = [choice.score.order for choice in order]
    assert scores == sorted(scores)


@strategies
@given(given=candidates)
def test_every_part_of_every_score_has_a_name(strategy: Strategy, given: list[Candidate]) -> None:
    for choice in rank(given, STRATEGIES[strategy](), ASK):
        assert len(dict(choice.score.parts)) == len(choice.score.parts) > 0


@given(given=candidates.filter(bool))
def test_one_more_in_flight_never_helps(given: list[Candidate]) -> None:
    first = given[0]
    busier = [replace(first, inflight=first.inflight + 1), *given[1:]]
    assert names(busier).index(first.name) >= names(given).index(first.name)


@given(given=candidates.filter(bool))
def test_more_of_the_prompt_in_the_cache_never_hurts(given: list[Candidate]) -> None:
    first = given[0]
    warmer = [replace(first, cached_tokens=first.cached_tokens + 50), *given[1:]]
    assert names(warmer).index(first.name) <= names(given).index(first.name)


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({}, {"state": UpstreamState.SUSPECT}),
        ({"state": UpstreamState.SUSPECT, "inflight": 2}, {"breaker": BreakerState.OPEN}),
        ({}, {"resident": False, "load_seconds": 4.0}),
        ({"latency": 0.1}, {"latency": 0.2}),
        ({"latency": None}, {"latency": 0.2}),
        ({}, {"trouble": 0.5}),
        ({"resident": False}, {"resident": False, "evict_seconds": 5.0}),
        ({"resident": False}, {"resident": False, "blocked_seconds": 5.0}),
        ({}, {"forgotten_tokens": 3000.0}),
        ({"proven": 2, "inflight": 1, "slots": 4}, {"proven": 1, "inflight": 1, "slots": 4}),
        ({"priority": -1}, {"priority": 9, "inflight": 1}),
    ],
)
def test_what_is_better(better: dict, worse: dict) -> None:
    assert names([replace(PLAIN, name="good", **better), replace(PLAIN, name="bad", **worse)])[0] == "good"


def test_waiting_is_weighed_against_loading() -> None:
    full = replace(PLAIN, name="full", inflight=2, hold_seconds=6.0)
    cold = replace(PLAIN, name="cold", resident=False, hold_seconds=6.0)
    assert names([full, replace(cold, load_seconds=1.0)])[0] == "cold"
    assert names([full, replace(cold, load_seconds=20.0)])[0] == "full"
    waiting_behind_many = replace(ASK, ahead=20)
    assert names([full, replace(cold, load_seconds=20.0)], waiting_behind_many)[0] == "cold"


def test_a_cached_conversation_stays_unless_its_node_is_further_behind_than_reading_costs() -> None:
    long = Ask("m", prompt_tokens=8000, output_tokens=100)
    here = replace(PLAIN, name="here", cached_tokens=7800, prefill=400.0, hold_seconds=10.0, inflight=2)
    there = replace(PLAIN, name="there", prefill=400.0, hold_seconds=10.0)
    assert names([here, there], long)[0] == "here", "3 s of waiting are less than 20 s of reading"
    assert names([replace(here, cached_tokens=0), there], long)[0] == "there"


def test_a_faster_node_is_worth_a_little_waiting() -> None:
    fast = replace(PLAIN, name="fast", decode=100.0, hold_seconds=1.0, inflight=2)
    slow = replace(PLAIN, name="slow", decode=2.0, hold_seconds=50.0)
    assert names([fast, slow])[0] == "fast"


def test_a_load_that_has_begun_costs_what_is_left_of_it() -> None:
    begun = replace(PLAIN, name="begun", resident=False, load_seconds=10.0, loading=8.0)
    fresh = replace(PLAIN, name="fresh", resident=False, load_seconds=5.0)
    assert names([begun, fresh])[0] == "begun"


def test_who_is_not_waited_for_leaves_the_last_place_to_those_who_are() -> None:
    fast = replace(PLAIN, name="fast", inflight=1, proven=2, prefill=400.0, decode=100.0, hold_seconds=2.0)
    slow = replace(PLAIN, name="slow", proven=2, prefill=200.0, decode=40.0, hold_seconds=4.0)
    busy = replace(ASK, rate=0.5)
    assert names([fast, slow], busy)[0] == "fast"
    assert names([fast, slow], replace(busy, urgency=0.1))[0] == "slow"


def test_who_is_not_waited_for_throws_nothing_out() -> None:
    full = replace(PLAIN, name="full", inflight=2, hold_seconds=12.0)
    cold = replace(PLAIN, name="cold", resident=False, load_seconds=2.0, evict_seconds=1.0, hold_seconds=12.0)
    assert names([full, cold])[0] == "cold"
    assert names([full, cold], replace(ASK, urgency=0.1))[0] == "full"


def test_equal_nodes_share() -> None:
    rows = [replace(PLAIN, name=name, slots=4, hold_seconds=1.0) for name in "abc"]
    taken = {"a": 0, "b": 0, "c": 0}
    for _ in range(12):
        best = names([replace(row, inflight=taken[row.name]) for row in rows])[0]
        taken[best] += 1
    assert taken == {"a": 4, "b": 4, "c": 4}


def test_round_robin_takes_turns_model_by_model() -> None:
    scorer, rows = RoundRobin(), [replace(PLAIN, name=name) for name in "abc"]
    first = [rank(rows, scorer, ASK)[0].candidate.name for _ in range(4)]
    assert first == ["a", "b", "c", "a"]
    assert rank(rows, scorer, Ask("other"))[0].candidate.name == "a"


def test_random_of_two_takes_the_less_loaded_of_those_drawn() -> None:
    rows = [replace(PLAIN, name=name, inflight=at) for at, name in enumerate("abcd")]
    first = [rank(rows, RandomOfTwo(random.Random(seed)), ASK)[0].candidate.name for seed in range(200)]
    assert first.count("d") == 0, "the most loaded of all never wins a pair"
    assert first.count("a") > first.count("b") > first.count("c") > 0


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("llama3", "llama3:latest"),
        ("llama3:8b", "llama3:8b"),
        ("owner/llama3", "owner/llama3:latest"),
        ("host:5000/owner/llama3", "host:5000/owner/llama3:latest"),
        ("", ":latest"),
    ],
)
def test_full_name(given: str, expected: str) -> None:
    assert full_name(given) == expected


def test_the_choice_says_why() -> None:
    [choice] = rank([replace(PLAIN, inflight=1, cached_tokens=120)], TIME, ASK)
    assert choice.why == "resident, 1 in flight, 120 prompt tokens cached, 100 ms to first byte"
    [cold] = rank([replace(PLAIN, resident=False, breaker=BreakerState.HALF_OPEN)], TIME, ASK)
    assert cold.why == "cold, 0 in flight, 100 ms to first byte, breaker half open"


@pytest.mark.parametrize("names", [("a", "a"), ("embedded",), ("local-ollama",)])
def test_two_nodes_of_one_name_are_refused(names: tuple[str, ...]) -> None:
    rows = tuple({"name": name, "url": "http://127.0.0.1:1"} for name in names)
    with pytest.raises(ValueError, match="two nodes are called"):
        GatewaySettings(upstreams=rows)
