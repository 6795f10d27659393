"""The simulated node does what an Ollama does: loads once, queues, throws out the longest unused, keeps prompts."""

import pytest

from benchmarks.simulator.nodes import CROWDING, Job, Model, Node, Spec, shared

SMALL, OTHER, BIG = Model("small", 4.0), Model("other", 4.0), Model("big", 8.0)
LOAD = 5.0
"""Seconds, of the small ones."""


def node(slots: int = 2, memory: float = 8.0) -> Node:
    return Node(Spec("node", memory, 1.0, prefill=400.0, decode=40.0, slots=slots, models=(SMALL, OTHER, BIG)))


def job(number: int, model: Model = SMALL, *, prompt: int = 100, output: int = 10, urgent: bool = True) -> Job:
    """Alone on a loaded node of small models: a second for each 100 tokens read, one for each 10 written."""
    return Job(number, model.name, ((number, prompt),), 1000 + number, output, urgent)


def submitted(one: Node, *jobs: Job, at: float = 0.0) -> None:
    one.advance(at)
    for each in jobs:
        each.arrived = at
        one.submit(each)


def test_a_cold_model_is_loaded_once_for_all_who_ask() -> None:
    one, jobs = node(slots=4), [job(number) for number in range(4)]
    submitted(one, *jobs)
    one.advance(1000)
    assert one.loads == [0.0]
    assert {each.began for each in jobs} == {LOAD}


def test_a_call_alone_takes_its_reading_and_its_writing() -> None:
    one, lone = node(), job(1)
    submitted(one, lone)
    one.advance(1000)
    assert lone.first == pytest.approx(LOAD + 1.0)
    assert lone.done == pytest.approx(LOAD + 2.0)


def test_calls_side_by_side_slow_each_other() -> None:
    one, jobs = node(), [job(1), job(2)]
    submitted(one, *jobs)
    one.advance(1000)
    assert [each.done for each in jobs] == pytest.approx([LOAD + 2.0 * (1 + CROWDING)] * 2)


def test_calls_beyond_the_slots_wait_their_turn_unseen() -> None:
    one, jobs = node(slots=1), [job(number) for number in range(3)]
    submitted(one, *jobs)
    assert one.inflight == 3
    one.advance(1000)
    assert [each.began for each in jobs] == pytest.approx([LOAD, LOAD + 2.0, LOAD + 4.0])


def test_the_next_turn_of_a_conversation_reads_only_what_is_new() -> None:
    one, first = node(), job(1)
    submitted(one, first)
    one.advance(100)
    following = Job(2, "small", (*first.prompt, (first.answer, first.output), (77, 50)), 9, 10)
    submitted(one, following, at=100)
    one.advance(1000)
    assert following.read == 50


def test_the_longest_unused_model_leaves_for_one_that_needs_the_room() -> None:
    one = node()
    submitted(one, job(1, SMALL))
    submitted(one, job(2, OTHER), at=20)
    submitted(one, job(3, SMALL), at=40)
    submitted(one, job(4, BIG), at=60)
    one.advance(61)
    assert one.loading is not None
    assert not one.loaded
    one.advance(1000)
    assert one.evictions == 2
    assert [*one.loaded] == ["big"]


def test_a_load_waits_until_what_is_in_use_may_leave() -> None:
    one, long, big, late = node(), job(1, output=200), job(2, BIG), job(3)
    submitted(one, long)
    submitted(one, big, at=6)
    submitted(one, late, at=7)
    one.advance(1000)
    assert long.done == pytest.approx(LOAD + 21.0)
    assert big.began == pytest.approx(LOAD + 21.0 + 9.0)
    assert late.began > big.began, "a call for the model that is to leave waits behind it"


def test_a_caller_who_leaves_gives_up_its_slot_and_its_load() -> None:
    one, first, second = node(slots=1), job(1), job(2)
    submitted(one, first, second)
    one.cancel(first)
    one.cancel(second)
    assert one.loading is None
    submitted(one, third := job(3), at=10)
    one.advance(1000)
    assert third.done == pytest.approx(10 + LOAD + 2.0)
    assert first.first is None


def test_only_the_oracles_nodes_let_urgent_calls_pass() -> None:
    for by_urgency, expected in ((False, [1, 2, 3]), (True, [1, 3, 2])):
        one = node(slots=1)
        one.by_urgency = by_urgency
        jobs = [job(1), job(2, urgent=False), job(3)]
        submitted(one, *jobs)
        one.advance(1000)
        assert [each.number for each in sorted(jobs, key=lambda each: each.began or 0)] == expected


def test_what_is_tried_on_a_twin_leaves_the_node_as_it_is() -> None:
    one, jobs = node(slots=1), [job(1), job(2)]
    submitted(one, *jobs)
    one.advance(6)
    twin = one.twin()
    twin.submit(job(3, BIG))
    twin.advance(1000)
    assert [*one.loaded] == ["small"]
    assert [each.done for each in jobs] == [None, None]
    one.advance(1000)
    assert [each.done for each in jobs] == pytest.approx([LOAD + 2.0, LOAD + 4.0])


def test_prompts_share_their_beginning_only() -> None:
    assert shared(((1, 10), (2, 5)), ((1, 10), (2, 5), (3, 7))) == 15
    assert shared(((1, 10), (2, 5)), ((2, 5), (1, 10))) == 0
