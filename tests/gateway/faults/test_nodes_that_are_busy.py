"""A node that says 503 has no room now: others are asked, it is left alone for a while, and who can waits for it."""

import time

import pytest

from cluster_ai.gateway.nodes.reasons import LONGEST_PAUSE, SHORTEST_PAUSE, pause_of
from cluster_ai.gateway.types import UpstreamSettings
from tests.fakes.fleet import Fleet
from tests.fakes.raw import MODEL
from tests.gateway.door import HI, Door, gateway, header
from tests.gateway.faults.crowd import asking, warm
from tests.waiting import until

real = pytest.mark.real


@real
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("retry_after", [None, 1, 30])
def test_with_an_idle_node_nobody_waits(door: Door, stream: bool, retry_after: int | None) -> None:
    door.prefer(0)
    first = door.nodes[0]
    first.set(status=503, retry_after=retry_after)
    heard = door.chat(stream=stream)
    assert (heard.status, header(heard, "x-cluster-node")) == (200, "fake-1")
    assert heard.seconds < 5
    door.chat()
    before = first.counters().started
    assert {door.chat().status for _ in range(10)} == {200}
    assert first.counters().started == before, "it is left alone as long as it wishes"
    assert (door.upstream(0).breaker, door.upstream(0).failed) == ("closed", 0)


@real
@pytest.mark.parametrize("stream", [True, False])
def test_where_all_are_busy_a_call_waits_for_the_first_to_be_free(door: Door, stream: bool) -> None:
    warm(door)
    for node in door.nodes:
        node.set(status=503, retry_after=1, fault_times=1)
    heard = door.chat(stream=stream, timeout=20)
    assert heard.status == 200
    assert heard.ended_whole
    assert 1 <= heard.seconds < 15
    assert [node.counters().faults for node in door.nodes] == [1, 1], "each was asked once before its time"


@real
def test_calls_that_come_while_all_are_busy_wait_with_the_others(fleet: Fleet) -> None:
    node = fleet.nodes[0]
    with gateway(rows=[UpstreamSettings(name=node.name, url=node.url, slots=1)]) as door:
        warm(Door(door.port, (node,)))
        node.set(status=503, retry_after=2, fault_times=1)
        with asking(door, 12) as calls:
            until(lambda: door.state().waiting.get(MODEL, 0) == 12, what="they wait in the line")
            assert {call.result().status for call in calls} == {200}
        assert node.counters().faults == 1, "one refusal was enough for all of them"


@real
def test_when_time_is_up_the_client_hears_what_the_node_said(fleet: Fleet) -> None:
    with gateway(*fleet.nodes[:2], queue_seconds=2.0) as door:
        warm(door)
        fleet.set(status=503, retry_after=None)
        heard = door.ask("/v1/chat/completions", HI, timeout=20)
        assert heard.status == 503
        assert b"the node failed" in heard.body
        assert int(header(heard, "retry-after")) >= 1
        assert 0.5 <= heard.seconds < 15
        # Who comes while they are still left alone hears of the line.
        began = time.monotonic()
        hurried = door.ask("/api/chat", HI, X_Request_Timeout="0.4")
        assert hurried.status == 503
        assert time.monotonic() - began < 10
        until(lambda: door.state().inflight == 0)
        assert {row.breaker for row in door.state().upstreams} == {"closed"}


@real
def test_a_pause_longer_than_the_client_waits_is_not_waited_for(fleet: Fleet) -> None:
    with gateway(fleet.nodes[0], queue_seconds=4.0) as door:
        warm(door)
        fleet.nodes[0].set(status=503, retry_after=60)
        heard = door.chat()
        assert (heard.status, header(heard, "retry-after")) == (503, "60")
        assert heard.seconds < 4


@real
def test_a_node_that_is_busy_all_the_time_is_asked_less_and_less(fleet: Fleet) -> None:
    node = fleet.nodes[0]
    rows = [UpstreamSettings(name=node.name, url=node.url, slots=4)]
    with gateway(rows=rows, queue_seconds=3.0) as door:
        warm(Door(door.port, (node,)))
        node.set(status=503)
        before = node.counters().started
        with asking(door, 20) as calls:
            assert {call.result().status for call in calls} == {503}
        # Pauses of 0.5, 1, 2 s: at most as many tries after each as it has slots.
        assert node.counters().started - before <= 4 * 4 + 3


def test_pauses_double_and_have_bounds() -> None:
    assert [pause_of("", times=times) for times in range(1, 7)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]
    assert [pause_of(said, times=9) for said in ("0", "1", "3", "60", "9" * 9)] == [
        SHORTEST_PAUSE, 1.0, 3.0, LONGEST_PAUSE, LONGEST_PAUSE
    ]  # fmt: skip


@pytest.mark.parametrize("said", ["-1", "1.5", "soon", "9" * 400, "Wed, 21 Oct 2099 07:28:00 GMT", "٣", "NaN"])
def test_a_pause_that_is_no_number_of_seconds_is_our_own(said: str) -> None:
    assert pause_of(said, times=1) in {0.5, 3.0}


@real
@pytest.mark.parametrize("slots", [None, 8])
def test_a_node_that_takes_no_more_than_it_works_on_is_kept_full(fleet: Fleet, slots: int | None) -> None:
    """Its refusals tell how many it takes; where that was configured wrongly, it is asked again and again."""
    node = fleet.nodes[0]
    with gateway(rows=[UpstreamSettings(name=node.name, url=node.url, slots=slots)]) as door:
        warm(Door(door.port, (node,)))
        node.set(slots=2, queue=0, ttft=0.1)
        with asking(door, 24) as calls:
            assert {call.result().status for call in calls} == {200}
        assert (node.counters().max_in_flight, node.counters().max_queued) == (2, 0)
        assert door.upstream(0).failed == 0
        node.reset_counters()
        with asking(door, 12) as calls:
            assert {call.result().status for call in calls} == {200}
        if slots is None:
            assert node.counters().refused <= 1, "it is known by now"
