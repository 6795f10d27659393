"""Traces are the same for all who are compared, and the oracle is what it is said to be."""

from dataclasses import replace
from itertools import pairwise

import pytest

from benchmarks.rig.results import percentile
from benchmarks.simulator.nodes import fleet
from benchmarks.simulator.ours import through_gateway
from benchmarks.simulator.replay import Oracle, least_connections, replay, round_robin
from benchmarks.simulator.trace import SCENES, Scene


def scene(name: str, seconds: float) -> Scene:
    found = SCENES[name]
    return replace(found, load=replace(found.load, seconds=seconds))


def test_a_seed_gives_the_same_calls_again_and_another_seed_others() -> None:
    one, again, other = (scene("office", 600).draw(seed) for seed in (1, 1, 2))
    told = [[(call.at, call.user, call.job.prompt, call.job.output) for call in calls] for calls in (one, again, other)]
    assert told[0] == told[1]
    assert told[0] != told[2]


def test_calls_come_in_order_and_conversations_grow() -> None:
    calls = scene("office", 1800).draw(3)
    assert [call.at for call in calls] == sorted(call.at for call in calls)
    assert [call.job.number for call in calls] == list(range(len(calls)))
    talks: dict[int, list[tuple[tuple[int, int], ...]]] = {}
    for call in calls:
        if call.job.urgent:
            talks.setdefault(call.talk, []).append(call.job.prompt)
    grown = [talk for talk in talks.values() if len(talk) > 1]
    assert grown
    assert all(later[: len(earlier)] == earlier for talk in grown for earlier, later in pairwise(talk))


def test_every_call_is_answered_by_a_node_that_has_its_model() -> None:
    small = scene("home", 900)
    calls = small.draw(1)
    for policy in (round_robin(), least_connections(), Oracle(calls)):
        outcome = replay(calls, fleet(small.nodes), policy)
        nodes = {node.name: node for node in small.nodes}
        assert all(job.done is not None and nodes[job.node].model(job.model) for job in outcome.jobs)


def test_the_oracle_waits_less_than_simple_policies() -> None:
    office = scene("office", 1800)
    calls = office.draw(1)
    simple = replay(calls, fleet(office.nodes), least_connections()).waits(urgent=True)
    oracle = replay(calls, fleet(office.nodes, by_urgency=True), Oracle(calls)).waits(urgent=True)
    assert percentile(oracle, 0.95) < 0.5 * percentile(simple, 0.95)


@pytest.mark.parametrize("strategy", ["expected_time", "round_robin"])
def test_the_gateways_code_answers_every_call_of_a_trace(strategy: str) -> None:
    home = scene("home", 900)
    calls = home.draw(1)
    outcome = through_gateway(calls, fleet(home.nodes), strategy=strategy, queue_seconds=3600)
    assert outcome.refused == []
    assert len(outcome.jobs) == len(calls)
    assert all(job.done is not None and job.first is not None and job.first > job.arrived for job in outcome.jobs)
