"""A node that was away: calls wait for it a little, it is tried by one of them, and serves again within two seconds."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from cluster_ai.gateway.nodes.breaker import Breaker
from cluster_ai.gateway.nodes.picture import Picture
from cluster_ai.gateway.nodes.upstreams import Upstream
from cluster_ai.gateway.types import BreakerState, GatewaySettings, ModelView, UpstreamKind
from tests.fakes.fleet import Fleet
from tests.gateway.door import HI, Door, gateway, header
from tests.gateway.faults.crowd import asking, warm
from tests.waiting import until

real = pytest.mark.real


@real
def test_calls_wait_for_a_single_node_that_starts_anew(fleet: Fleet) -> None:
    node = fleet.nodes[0]
    with gateway(node, probe_seconds=0.5) as door:
        warm(door)
        node.kill()
        until(lambda: door.upstream(0).state != "healthy")
        with ThreadPoolExecutor(6) as pool:
            calls = [pool.submit(door.chat, timeout=20) for _ in range(6)]
            time.sleep(0.5)
            node.restart()
            heard = [call.result() for call in calls]
        assert {row.status for row in heard} == {200}
        assert max(row.seconds for row in heard) < 15


@real
def test_nobody_waits_for_a_node_that_has_been_away_for_long(fleet: Fleet) -> None:
    with gateway(fleet.nodes[0]) as door:
        fleet.nodes[0].kill()
        until(lambda: door.upstream(0).state == "down")
        time.sleep(2.5)
        heard = door.chat()
        assert heard.status == 503
        assert heard.seconds < 10
        assert int(header(heard, "retry-after")) >= 1


@real
def test_nobody_waits_for_nodes_that_are_there_and_fail(door: Door) -> None:
    for node in door.nodes:
        node.set(die_before="rst")
    began = time.monotonic()
    assert {door.chat().status for _ in range(10)} == {503}
    assert time.monotonic() - began < 15


@real
def test_a_node_that_died_under_many_streams_serves_again_as_soon_as_it_is_back(fleet: Fleet) -> None:
    with gateway(*fleet.nodes[:2], breaker_seconds=60) as door:
        door.prefer(0)
        first = fleet.nodes[0]
        first.set(rate=10)
        with ThreadPoolExecutor(4) as pool:
            calls = [pool.submit(door.ask, "/api/chat", HI, X_Cluster_Node="fake-0") for _ in range(4)]
            first.until(lambda seen: seen.in_flight == 4)
            first.kill()
            assert not any(call.result().ended_whole for call in calls)
        assert door.upstream(0).breaker == "open"
        until(lambda: door.upstream(0).state == "down")
        first.set(rate=0)
        first.restart()
        back = time.monotonic()
        until(lambda: door.ask("/api/chat", HI, X_Cluster_Node="fake-0").status == 200)
        assert time.monotonic() - back < 10
        assert door.upstream(0).breaker == "closed"


@real
def test_a_node_that_died_under_streams_gets_its_share_again_though_the_others_would_do(fleet: Fleet) -> None:
    """What failed when it died is no reason to leave it idle for minutes."""
    with gateway(*fleet.nodes[:2]) as door:
        warm(door)
        door.chat()
        first = fleet.nodes[0]
        fleet.set(rate=60)
        with asking(door, 6):
            first.until(lambda seen: seen.in_flight >= 2)
            first.kill()
        until(lambda: door.upstream(0).state == "down")
        first.restart()
        warm(door)
        first.reset_counters()
        for _ in range(5):
            with asking(door, 6) as calls:
                assert {call.result().status for call in calls} == {200}
        assert first.counters().done >= 5


def test_who_comes_back_all_the_time_is_not_forgiven() -> None:
    model = ModelView(name="m:latest")
    node = Upstream("n", "http://n", UpstreamKind.OLLAMA, GatewaySettings())
    lane, now = node.lane(model), 1000.0

    def dies_and_is_back() -> float:
        lane.failed(now, chance=0.0)
        node.missed = 3
        node.seen(Picture("", (model,)), now)
        return lane.learned.trouble(now)

    assert [dies_and_is_back() for _ in range(2)] == [0.0, 0.0]
    assert dies_and_is_back() > 0.2
    now += 10
    assert dies_and_is_back() > 0.4
    now += 600
    assert dies_and_is_back() == 0.0, "it has been well for long"


@real
def test_half_open_one_call_finds_out_and_the_others_wait_for_it(fleet: Fleet) -> None:
    node = fleet.nodes[0]
    with gateway(node, breaker_seconds=0.5) as door:
        warm(door)
        node.set(die_before="rst", fault_times=3)
        until(lambda: door.chat().status == 503 and door.upstream(0).breaker == "open")
        node.set(die_before=None, ttft=0.3)
        until(lambda: door.upstream(0).breaker == "half_open")
        node.reset_counters()
        with asking(door, 8) as calls:
            node.until(lambda seen: seen.in_flight == 1)
            time.sleep(0.1)
            assert node.counters().started == 1, "until its first byte nobody else is sent"
            assert {call.result().status for call in calls} == {200}
        assert door.upstream(0).breaker == "closed"


def test_half_open_the_next_may_try_after_the_first_byte() -> None:
    breaker = Breaker(failures=1, pause=5.0)
    breaker.fail(0.0, chance=0.0)
    assert breaker.admit(6.0)
    assert breaker.is_tried(6.0)
    assert not breaker.admit(6.0)
    breaker.begun()
    assert not breaker.is_tried(6.0)
    assert breaker.admit(6.0)
    breaker.fail(6.0, chance=0.0)
    assert breaker.state(6.0) is BreakerState.OPEN


def test_half_open_each_first_byte_lets_more_in_and_a_failure_none() -> None:
    breaker = Breaker(failures=1, pause=5.0)
    breaker.fail(0.0, chance=0.0)
    for expected in (1, 2, 8, 8):
        rows = [breaker.admit(6.0) for _ in range(20)]
        assert sum(rows) == expected
        assert breaker.is_tried(6.0)
        for _ in range(expected):
            breaker.begun()
    breaker.fail(6.0, chance=0.0)
    assert not breaker.admit(7.0)
    assert [breaker.admit(20.0) for _ in range(3)] == [True, False, False]


def test_what_was_forgiven_is_tried_now_and_not_trusted() -> None:
    breaker = Breaker(failures=1, pause=5.0)
    breaker.forgive(0.0)
    assert breaker.state(0.0) is BreakerState.CLOSED
    breaker.fail(0.0, chance=0.0)
    breaker.forgive(1.0)
    assert breaker.state(1.0) is BreakerState.HALF_OPEN
    assert breaker.admit(1.0)
    breaker.fail(1.0, chance=0.0)
    assert breaker.state(10.9) is BreakerState.OPEN, "the pause has doubled all the same"
