"""A node that says what is not so: of its clock, its models, its health. What requests show is believed instead."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from cluster_ai.gateway.types import UpstreamSettings
from tests.fakes.fleet import Fleet
from tests.fakes.raw import MODEL, Heard
from tests.gateway.door import HI, Door, gateway, header
from tests.gateway.faults.scripted import LAST, NDJSON, Say, line, scripted
from tests.waiting import until

pytestmark = pytest.mark.real

DAY = 86_400.0


def ask(door: Door, path: str = "/api/chat", **more: str) -> Heard:
    return door.ask(path, HI | {"prompt": "hi", "input": "hi", "max_tokens": 50}, **more)


@contextmanager
def states_of(door: Door, number: int) -> Iterator[list[str]]:
    """Every state that a node passes through while the block runs, the first included."""
    seen: list[str] = [door.upstream(number).state]
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.01):
            if (state := door.upstream(number).state) != seen[-1]:
                seen.append(state)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        over.set()
        looking.join()


def for_seconds(seconds: float, work: Callable[[], None]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        work()


@pytest.mark.parametrize("off", [-DAY, DAY, -20_000 * DAY], ids=["a day late", "a day early", "1970"])
def test_a_nodes_clock_decides_nothing(off: float) -> None:
    with scripted(clock=max(1.0, time.time() + off)) as odd, scripted() as even:
        for node in (odd, even):
            node.says = Say((NDJSON + b"\r\n", line("a") + LAST), pause=0)
        rows = [UpstreamSettings(name=name, url=node.url) for name, node in (("odd", odd), ("even", even))]
        with gateway(rows=rows, strategy="round_robin") as door:
            assert [door.chat().text for _ in range(20)] == ["a"] * 20
            # Neither is preferred or shunned for what its clock says.
            assert (odd.asked, even.asked) == (10, 10)
            for row in door.state().upstreams:
                assert (row.state, row.breaker, row.models[0].loaded) == ("healthy", "closed", True)
                assert row.last_seen_seconds is not None
                assert row.last_seen_seconds < 5
        with gateway(rows=rows) as door:
            door.chat()
            first, second = (row.score for row in door.state().decisions[-1].candidates)
            assert first == second
            assert first["load"] == 0


def test_a_model_that_only_stands_in_the_list_is_found_elsewhere(fleet: Fleet) -> None:
    with gateway(*fleet.nodes[:2]) as door:
        door.prefer(0)
        fleet.nodes[0].set(missing=[MODEL])
        heard = ask(door)
        assert (heard.status, header(heard, "x-cluster-node")) == (200, "fake-1")
        assert heard.seconds < 5
        seen = door.upstream(0)
        assert (seen.state, seen.breaker, seen.failed) == ("healthy", "closed", 0), "that is no failure"


def test_a_deleted_model_leaves_the_map_soon(fleet: Fleet) -> None:
    # The next probe would come too late: the refused call itself makes the gateway look.
    with gateway(*fleet.nodes[:2], probe_seconds=30) as door:
        first = fleet.nodes[0]
        first.set(models=["other:1b"])
        heard = door.ask("/api/chat", HI, X_Cluster_Node="fake-0")
        assert heard.status in {404, 503}
        asked = time.monotonic()
        until(lambda: [model.name for model in door.upstream(0).models] == ["other:1b"], seconds=5)
        assert time.monotonic() - asked < 5
        before = first.counters().started
        assert {header(ask(door), "x-cluster-node") for _ in range(5)} == {"fake-1"}
        assert first.counters().started == before


@pytest.mark.parametrize(
    "path", ["/api/chat", "/api/generate", "/api/embed", "/v1/chat/completions", "/v1/completions", "/v1/embeddings"]
)
def test_a_model_that_all_lack_is_a_404_in_the_dialect(fleet: Fleet, path: str) -> None:
    with gateway(*fleet.nodes[:2]) as door:
        # Out of memory, it is the load before the call that is refused, and that is no dialect's.
        fleet.set(missing=[MODEL])
        heard = ask(door, path)
        assert heard.status == 404, heard.body
        error = json.loads(heard.body)["error"]
        assert isinstance(error, str) == path.startswith("/api")
        assert MODEL in heard.body.decode()
        assert {row.breaker for row in door.state().upstreams} == {"closed"}
        fleet.set(missing=[])
        assert ask(door, path).status == 200, "and it is back as soon as one has it"


def test_health_that_lies_costs_three_calls_at_most(fleet: Fleet) -> None:
    first, second, _ = fleet.nodes
    for fault in ({"status": 500}, {"die_before": "rst"}, {"die_after": 0}, {"malformed_at": 0}):
        fleet.default()
        with gateway(first, second, breaker_seconds=60) as door:
            door.prefer(0)
            first.set(**fault)
            heard = [door.chat(stream=number % 2 == 0) for number in range(20)]
            assert {row.status for row in heard} == {200}, fault
            assert all(row.ended_whole for row in heard), fault
            assert 1 <= door.upstream(0).failed <= 3, fault
            assert door.upstream(0).state in {"healthy", "suspect"}, "its probes are well"


PROBES = [{"probe": "hang"}, {"probe": "fin"}, {"probe": "rst"}, {"probe": "garbage"}, {"probe_status": 500}]


@pytest.mark.parametrize("fault", PROBES, ids=str)
def test_a_node_that_answers_requests_is_not_down_whatever_its_probes_say(fleet: Fleet, fault: dict) -> None:
    node = fleet.nodes[0]
    with gateway(node) as door:
        assert door.chat().status == 200
        node.set(**fault)
        with states_of(door, 0) as states:
            for_seconds(2.5, lambda: _is_well(door.chat()))
        assert "down" not in states
        assert len(states) - 1 <= 2, states
        assert door.upstream(0).last_error, "people see that its probes fail"
        node.default()
        until(lambda: door.upstream(0).last_error == "")
        assert door.upstream(0).state == "healthy"


@pytest.mark.parametrize("fault", PROBES[:2], ids=str)
def test_a_stream_is_not_given_up_because_probes_fail(fleet: Fleet, fault: dict) -> None:
    node = fleet.nodes[0]
    with gateway(node) as door:
        assert door.chat().status == 200
        node.set(rate=4, answer_tokens=13, **fault)
        heard = door.chat()
        assert heard.ended_whole
        assert heard.seconds > 2


def test_a_node_that_neither_answers_requests_nor_probes_is_down(fleet: Fleet) -> None:
    first, second, _ = fleet.nodes
    with gateway(first, second) as door:
        door.prefer(0)
        with states_of(door, 0) as states:
            first.kill()
            killed = time.monotonic()
            for_seconds(0.5, lambda: _is_well(door.chat()))
            until(lambda: door.upstream(0).state == "down")
            assert time.monotonic() - killed < 10
        assert states[-1] == "down"
        assert len(states) - 1 <= 2


def test_a_flapping_node_fails_nobody_and_is_asked_less_and_less(fleet: Fleet) -> None:
    """Up and down all the time, with answers that it often cannot end, while eight people ask."""
    first, second, _ = fleet.nodes
    over = threading.Event()
    statuses: list[int] = []
    with gateway(first, second) as door:
        door.prefer(0)
        fleet.set(rate=200)

        def ask_on() -> None:
            while not over.is_set():
                statuses.append(door.chat(stream=False).status)

        people = [threading.Thread(target=ask_on) for _ in range(8)]
        for person in people:
            person.start()
        tries = []
        for _ in range(6):
            before = first.counters().started
            time.sleep(0.5)
            tries.append(first.counters().started - before)
            first.kill()
            time.sleep(0.5)
            first.restart()
        over.set()
        for person in people:
            person.join()
        assert len(statuses) > 100
        assert set(statuses) == {200}
        assert max(tries[-2:]) < max(1, tries[0]), "what fails again and again is trusted less"
        until(lambda: door.state().inflight == 0)


def _is_well(heard: Heard) -> None:
    assert heard.status == 200
    assert heard.ended_whole


@pytest.mark.parametrize("claim", [2**63, 2**64 - 1])
def test_more_tokens_than_can_be_counted_are_not_believed(claim: int) -> None:
    with scripted() as odd:
        last = line(done=True, done_reason="stop", prompt_eval_count=claim, eval_count=claim, eval_duration=claim)
        odd.says = Say((NDJSON + b"\r\n", line("a") + last))
        with gateway(rows=[UpstreamSettings(name="odd", url=odd.url)]) as door:
            for stream in (True, False):
                assert door.chat(stream=stream).status == 200
            totals = door.state().totals
            assert totals.requests == 2
            assert 2 <= totals.output_tokens < 2**40
            assert 2 <= totals.prompt_tokens < 2**40
