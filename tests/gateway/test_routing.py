"""Who is asked first: properties of the order, and the rules in words."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.gateway.routing import Candidate, Score, by_load, full_name, rank
from cluster_ai.gateway.types import BreakerState, GatewaySettings, UpstreamState

UP = (UpstreamState.HEALTHY, UpstreamState.SUSPECT)
PLAIN = Candidate("a", UpstreamState.HEALTHY, BreakerState.CLOSED, resident=True, inflight=0, latency=0.1)

candidates = st.lists(
    st.builds(
        Candidate,
        name=st.text("abcdef", min_size=1, max_size=4),
        state=st.sampled_from(UP),
        breaker=st.sampled_from(BreakerState),
        resident=st.booleans(),
        inflight=st.integers(0, 50),
        latency=st.none() | st.floats(0, 100),
    ),
    max_size=12,
    unique_by=lambda candidate: candidate.name,
)


@given(given=candidates, seed=st.integers())
def test_same_facts_give_the_same_order(given: list[Candidate], seed: int) -> None:
    mixed = random.Random(seed).sample(given, len(given))
    assert rank(given, by_load) == rank(mixed, by_load)


@given(given=candidates)
def test_nobody_is_dropped_and_scores_never_fall(given: list[Candidate]) -> None:
    order = rank(given, by_load)
    assert sorted(choice.candidate.name for choice in order) == sorted(candidate.name for candidate in given)
    scores = [choice.score.order for choice in order]
    assert scores == sorted(scores)


@given(given=candidates)
def test_an_open_breaker_is_never_before_one_that_is_not(given: list[Candidate]) -> None:
    opens = [choice.candidate.breaker is BreakerState.OPEN for choice in rank(given, by_load)]
    assert opens == sorted(opens)


@given(given=candidates.filter(bool))
def test_one_more_in_flight_never_helps(given: list[Candidate]) -> None:
    first = given[0]
    busier = [replace(first, inflight=first.inflight + 1), *given[1:]]

    def place(rows: list[Candidate]) -> int:
        return [choice.candidate.name for choice in rank(rows, by_load)].index(first.name)

    assert place(busier) >= place(given)


@pytest.mark.parametrize(
    ("worse", "why"),
    [
        ({"inflight": 1}, "fewer in flight"),
        ({"resident": False}, "in memory before on disk"),
        ({"latency": 0.2}, "sooner first byte"),
        ({"state": UpstreamState.SUSPECT}, "trusted before suspect"),
        ({"breaker": BreakerState.OPEN}, "closed before open"),
    ],
)
def test_better_node_is_first(worse: dict[str, object], why: str) -> None:
    # The worse one has the better name: only the rule can put it second.
    other = replace(PLAIN, name="0", **worse)
    assert [choice.candidate.name for choice in rank([other, PLAIN], by_load)] == ["a", "0"], why


def test_reason_is_told_in_words() -> None:
    assert rank([PLAIN], by_load)[0].why == "resident, 0 in flight, 100 ms to first byte"
    sick = replace(PLAIN, state=UpstreamState.SUSPECT, breaker=BreakerState.HALF_OPEN, resident=False, latency=None)
    assert rank([sick], by_load)[0].why == "cold, 0 in flight, suspect, breaker half open"


def test_reason_fits_a_header() -> None:
    for choice in rank([replace(PLAIN, name=state, state=state) for state in UpstreamState], by_load):
        choice.why.encode("ascii")
        assert "\n" not in choice.why


def test_another_scorer_can_be_given() -> None:
    def busiest(candidate: Candidate) -> Score:
        return Score((("idle", -float(candidate.inflight)),))

    order = rank([PLAIN, replace(PLAIN, name="b", inflight=7)], busiest)
    assert [choice.candidate.name for choice in order] == ["b", "a"]
    assert order[0].score.parts == (("idle", -7.0),)


@pytest.mark.parametrize(
    ("asked", "listed"),
    [
        ("smollm2", "smollm2:latest"),
        ("smollm2:135m", "smollm2:135m"),
        ("owner/model", "owner/model:latest"),
        ("host:5000/owner/model", "host:5000/owner/model:latest"),
        ("host:5000/owner/model:7b", "host:5000/owner/model:7b"),
    ],
)
def test_names_without_a_tag_mean_latest(asked: str, listed: str) -> None:
    assert full_name(asked) == listed
    assert full_name(listed) == listed


@pytest.mark.parametrize("names", [["a", "a"], ["a", "embedded"], ["local-ollama"]])
def test_two_nodes_of_one_name_are_refused(names: list[str]) -> None:
    rows = [{"name": name, "url": "http://10.0.0.7:11434"} for name in names]
    with pytest.raises(ValueError, match="two nodes are called"):
        GatewaySettings(upstreams=rows)
    assert GatewaySettings(upstreams=[{"name": "a", "url": "http://10.0.0.7:11434"}]).upstreams
