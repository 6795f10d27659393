"""A node that fails before its first byte: another answers, and the client sees nothing of it."""

import time

import pytest

from tests.fakes.fleet import Fleet
from tests.fakes.raw import MODEL
from tests.gateway.door import HI, Door, gateway, header
from tests.waiting import until

pytestmark = pytest.mark.real


@pytest.mark.parametrize(
    "fault",
    [
        {"listen": "refuse"},
        {"listen": "reset"},
        {"die_before": "rst"},
        {"die_before": "fin"},
        {"die_after": 0, "die_how": "rst"},
        {"status": 500},
        {"status": 502},
        {"status": 503},
        {"status": 504},
        {"missing": [MODEL]},
        {"listen": "blackhole"},
    ],
    ids=str,
)
@pytest.mark.parametrize("stream", [True, False])
def test_another_node_answers(door: Door, fault: dict, stream: bool) -> None:
    door.prefer(0)
    door.nodes[0].set(**fault)
    heard = door.chat(stream=stream)
    assert (heard.status, header(heard, "x-cluster-node")) == (200, "fake-1")
    # Less than two attempts when a probe had noticed already.
    assert header(heard, "x-cluster-attempts") in {"1", "2"}
    assert door.state().totals.errors == 0


def test_silence_before_the_first_byte_is_left_at_the_deadline(fleet: Fleet) -> None:
    with gateway(*fleet.nodes[:2], first_byte_seconds=0.4) as door:
        door.prefer(0)
        door.nodes[0].set(ttft=30)
        heard = door.chat()
        assert header(heard, "x-cluster-node") == "fake-1"
        assert 0.4 <= heard.seconds < 10
        door.nodes[0].until(lambda seen: seen.cancelled == 1)
        assert sum(row.tokens for row in door.nodes[0].log()) == 0


def test_later_requests_do_not_run_into_a_blackhole_again(door: Door) -> None:
    door.prefer(0)
    door.nodes[0].set(listen="blackhole")
    assert door.chat().status == 200
    assert max(door.chat().seconds for _ in range(10)) < 1.0, "less than the deadline of a connection"


def test_wrong_requests_are_no_verdict_on_a_node(door: Door) -> None:
    for node in door.nodes:
        node.set(status=400)
    for _ in range(5):
        assert door.chat().status == 400
    assert {row.breaker for row in door.state().upstreams} == {"closed"}
    assert {row.state for row in door.state().upstreams} == {"healthy"}


def test_a_busy_node_is_no_broken_node(fleet: Fleet) -> None:
    with gateway(*fleet.nodes[:2], queue_seconds=0.5) as door:
        fleet.set(status=503, retry_after=7)
        for _ in range(3):
            heard = door.chat()
            assert heard.status == 503
            assert int(header(heard, "retry-after")) >= 1
        assert {row.breaker for row in door.state().upstreams} == {"closed"}


def test_node_that_looks_healthy_and_fails_is_left_alone_after_three(fleet: Fleet) -> None:
    with gateway(*fleet.nodes[:2], breaker_seconds=60) as door:
        door.prefer(0)
        door.nodes[0].set(die_before="rst")
        answers = [door.chat() for _ in range(12)]
        assert {heard.status for heard in answers} == {200}
        assert 1 <= door.nodes[0].counters().faults <= 3
        assert door.upstream(0).failed == door.nodes[0].counters().faults


def test_mended_node_is_tried_again_and_trusted(fleet: Fleet) -> None:
    with gateway(fleet.nodes[0]) as door:
        door.prefer(0)
        door.nodes[0].set(die_before="rst", fault_times=3)

        def is_open() -> bool:
            door.chat()
            return door.upstream(0).breaker == "open"

        until(is_open, what="three failures open its breaker")
        until(lambda: door.chat().status == 200, what="it serves again")
        assert door.upstream(0).breaker == "closed"


def test_last_holder_is_asked_even_with_an_open_breaker(fleet: Fleet) -> None:
    with gateway(fleet.nodes[0], breaker_seconds=60) as door:
        fleet.nodes[0].set(die_before="rst", fault_times=3)
        assert [door.chat().status for _ in range(3)] == [503] * 3
        assert door.upstream(0).breaker == "open"
        heard = door.chat()
        assert heard.status == 200
        assert "breaker open" in header(heard, "x-cluster-why")
        assert door.upstream(0).breaker == "closed", "its success is a success"


def test_three_tries_and_no_more(fleet: Fleet) -> None:
    with gateway(*fleet.nodes) as door:
        fleet.set(die_before="rst")
        heard = door.chat()
        assert heard.status == 503
        assert [node.counters().faults for node in fleet.nodes] == [1, 1, 1]
        assert all(node.name.encode() in heard.body for node in fleet.nodes), "each cause is told"


def test_all_nodes_down_is_told_at_once_and_ends_soon(door: Door) -> None:
    for node in door.nodes:
        node.kill()
    until(lambda: {row.state for row in door.state().upstreams} == {"down"}, what="both are known to be down")
    until(lambda: door.chat().seconds < 0.1, what="nobody hopes any more that they are only starting anew")
    for path in ("/api/chat", "/v1/chat/completions"):
        heard = door.ask(path, HI)
        assert heard.status == 503
        assert heard.seconds < 10
        assert int(header(heard, "retry-after")) >= 1
        assert b"connection refused" in heard.body
    assert door.ask("/api/tags").body == b'{"models":[]}'
    door.nodes[1].restart()
    began = time.monotonic()
    until(lambda: door.chat().status == 200, what="it serves again")
    assert time.monotonic() - began < 10


def test_flapping_node_fails_no_client(door: Door) -> None:
    failed = 0
    for _ in range(4):
        door.prefer(0)
        door.nodes[0].kill()
        failed += sum(door.chat().status != 200 for _ in range(10))
        door.nodes[0].restart()
        failed += sum(door.chat().status != 200 for _ in range(10))
        until(lambda: door.upstream(0).state == "healthy", what="it is back")
    assert failed == 0


def test_model_that_moved_is_found_where_it_is(door: Door) -> None:
    door.nodes[0].set(models=["old:1b"])
    door.nodes[1].set(models=["new:1b"])

    def answer() -> str:
        return header(door.ask("/api/generate", {"model": "new:1b", "prompt": "a"}), "x-cluster-node")

    until(lambda: answer() == "fake-1", what="the new model is known")
    assert door.ask("/api/generate", {"model": MODEL, "prompt": "a"}).status == 404


def test_one_hanging_node_delays_nobody(fleet: Fleet) -> None:
    fleet.nodes[0].set(probe="hang")
    with gateway(*fleet.nodes[:2]) as door:
        assert door.chat().status == 200
        fleet.nodes[1].set(models=["late:1b"])
        found = time.monotonic()
        until(lambda: b"late:1b" in door.ask("/api/tags").body, what="the other node's news")
        assert time.monotonic() - found < 5


def test_every_decision_can_be_told_afterwards(door: Door) -> None:
    door.prefer(0)
    door.chat()
    door.nodes[0].set(die_before="rst")
    door.chat()
    first, second = door.state().decisions
    assert (first.model, first.node, first.tried) == (MODEL, "fake-0", {})
    assert [row.name for row in first.candidates] == ["fake-0", "fake-1"]
    assert [row.score["load"] > 0 for row in first.candidates] == [False, True]
    assert first.candidates[0].why.startswith("resident")
    assert second.node == "fake-1"
    assert list(second.tried) == ["fake-0"]
    assert first.age_seconds >= second.age_seconds >= 0


def test_decisions_are_forgotten_in_the_end(door: Door) -> None:
    for number in range(40):
        door.ask("/api/generate", {"model": MODEL, "prompt": str(number), "options": {"num_predict": 1}})
    assert len(door.state().decisions) == 32
