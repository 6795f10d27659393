"""Who gets a place, and when: slots that nobody told, cold models, overload, and storms."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from cluster_ai.gateway.types import UpstreamSettings
from tests.fakes.fleet import Fleet
from tests.fakes.raw import MODEL, Heard
from tests.gateway.door import HI, Door, gateway, header
from tests.waiting import until

pytestmark = pytest.mark.real


@contextmanager
def asking(door: Door, count: int, **fields: Any) -> Iterator[list[Future[Heard]]]:
    """So many chats at once."""
    with ThreadPoolExecutor(count) as pool:
        yield [pool.submit(door.ask, "/api/chat", HI | fields, timeout=60) for _ in range(count)]


def statuses(calls: list[Future[Heard]]) -> list[int]:
    return sorted(call.result().status for call in calls)


def warm(door: Door, fleet: Fleet) -> None:
    """Every node that the gateway knows has the model in memory."""
    for node in fleet.nodes[: len(door.state().upstreams)]:
        door.ask("/api/generate", {"model": MODEL}, X_Cluster_Node=node.name)
    until(
        lambda: all(any(m.loaded for m in row.models if m.name == MODEL) for row in door.state().upstreams),
        what="all have it in memory",
    )


def test_equal_nodes_get_equal_shares(fleet: Fleet) -> None:
    with gateway(*fleet.nodes) as door:
        warm(door, fleet)
        fleet.set(rate=20, answer_tokens=20)
        with asking(door, 12) as calls:
            used = Counter(header(call.result(), "x-cluster-node") for call in calls)
        assert set(used.values()) == {4}


def test_slots_that_nobody_told_are_found_out(fleet: Fleet) -> None:
    node = fleet.nodes[0]
    with gateway(node) as door:
        warm(door, fleet)
        node.set(slots=2, rate=40, answer_tokens=40)
        # A first round shows what runs side by side, and its end that others waited.
        for _ in range(3):
            with asking(door, 6) as calls:
                assert statuses(calls) == [200] * 6
        node.reset_counters()
        with asking(door, 6) as calls:
            until(lambda: door.state().waiting.get(MODEL, 0) >= 3, what="they wait here, not there")
            assert statuses(calls) == [200] * 6
        assert node.counters().max_queued <= 1


def test_two_hundred_who_want_a_cold_model_load_it_once(fleet: Fleet) -> None:
    for node in fleet.nodes:
        node.set(load=1.0, slots=64)
    rows = [UpstreamSettings(name=node.name, url=node.url, slots=64) for node in fleet.nodes[:2]]
    with gateway(rows=rows) as door:
        with asking(door, 200) as calls:
            assert statuses(calls) == [200] * 200
        loads = [node.counters().loads for node in fleet.nodes[:2]]
        assert max(loads) == 1
        assert sum(node.counters().evictions for node in fleet.nodes) == 0


def test_who_leaves_does_not_take_the_load_from_others(fleet: Fleet) -> None:
    node = fleet.nodes[0]
    node.set(load=1.5)
    with gateway(node) as door, asking(door, 1) as first:
        node.until(lambda seen: seen.loads == 1 or seen.in_flight == 1)
        with asking(door, 3) as others:
            until(lambda: door.state().inflight == 4)
            with door.open(HI):
                until(lambda: door.state().inflight == 5)
            assert statuses([*first, *others]) == [200] * 4
        assert (node.counters().loads, node.counters().loads_aborted) == (1, 0)


def test_a_load_that_nobody_waits_for_any_more_is_given_up(fleet: Fleet) -> None:
    node = fleet.nodes[0]
    node.set(load=30)
    with gateway(node) as door:
        with door.open(HI), door.open(HI):
            until(lambda: door.state().inflight == 2)
            node.until(lambda seen: seen.in_flight == 1)
        node.until(lambda seen: seen.in_flight == 0)
        assert door.upstream(0).breaker == "closed"


def test_a_load_longer_than_a_first_byte_may_take_is_waited_for(fleet: Fleet) -> None:
    fleet.set(load=1.5)
    with gateway(*fleet.nodes[:2], first_byte_seconds=0.3) as door:
        heard = door.chat()
        assert heard.status == 200
        assert sum(node.counters().loads for node in fleet.nodes) == 1
        assert sum(node.counters().loads_aborted for node in fleet.nodes) == 0


def test_the_load_has_the_context_that_the_call_asks_for(fleet: Fleet) -> None:
    with gateway(fleet.nodes[0]) as door:
        assert door.chat(num_ctx=4096).status == 200
        first, *_ = [row for row in fleet.nodes[0].log() if row.path == "/api/generate"]
        assert first.body["options"] == {"num_ctx": 4096}
        assert first.body["model"] == MODEL


def test_a_wish_to_unload_is_no_wish_to_load(fleet: Fleet) -> None:
    with gateway(fleet.nodes[0]) as door:
        heard = door.ask("/api/generate", {"model": MODEL, "keep_alive": 0, "prompt": ""})
        assert heard.status == 200
        assert fleet.nodes[0].counters().started == 1


def test_a_wish_to_unload_reaches_every_node_that_has_the_model_in_memory(fleet: Fleet) -> None:
    with gateway(*fleet.nodes) as door:
        warm(door, fleet)
        heard = door.ask("/api/generate", {"model": MODEL, "keep_alive": 0, "prompt": ""})
        assert (heard.status, heard.lines[-1]["done"]) == (200, True)
        assert [node.counters().loaded for node in fleet.nodes] == [(), (), ()]


def test_overload_is_refused_at_once_with_the_state_of_the_line(fleet: Fleet) -> None:
    node = fleet.nodes[0]
    rows = [UpstreamSettings(name=node.name, url=node.url, slots=2)]
    with gateway(rows=rows, queue_length=4) as door:
        door.ask("/api/generate", {"model": MODEL})
        node.set(rate=10, answer_tokens=10)
        with asking(door, 30) as calls:
            heard = [call.result() for call in calls]
        refused = [row for row in heard if row.status == 503]
        assert len(refused) == 30 - 2 - max(4, 4 * 2)
        assert max(row.seconds for row in refused) < 5
        for row in refused:
            assert json.loads(row.body)["code"] == "overloaded"
            assert b"8 calls wait" in row.body
            assert int(header(row, "retry-after")) >= 1
        assert door.state().waiting == {}
        assert door.upstream(0).state == "healthy"


def test_nobody_waits_longer_than_allowed(fleet: Fleet) -> None:
    node = fleet.nodes[0]
    rows = [UpstreamSettings(name=node.name, url=node.url, slots=1)]
    with gateway(rows=rows) as door:
        door.ask("/api/generate", {"model": MODEL})
        node.set(ttft=30)
        with door.open(HI):
            node.until(lambda seen: seen.in_flight == 1)
            heard = door.ask("/api/chat", HI, X_Request_Timeout="0.5")
        assert (heard.status, json.loads(heard.body)["code"]) == (503, "overloaded")
        assert heard.seconds < 10


def test_who_leaves_the_line_frees_the_way(fleet: Fleet) -> None:
    node = fleet.nodes[0]
    rows = [UpstreamSettings(name=node.name, url=node.url, slots=1)]
    with gateway(rows=rows) as door:
        door.ask("/api/generate", {"model": MODEL})
        node.set(ttft=30)
        with door.open(HI):
            node.until(lambda seen: seen.in_flight == 1)
            with door.open(HI), door.open(HI):
                until(lambda: door.state().waiting == {MODEL: 2})
            until(lambda: door.state().waiting == {}, what="the line is empty")
        node.set(ttft=0)
        assert door.chat().status == 200


def test_a_storm_costs_the_nodes_little(fleet: Fleet) -> None:
    rows = [UpstreamSettings(name=node.name, url=node.url, slots=64) for node in fleet.nodes]
    with gateway(rows=rows, breaker_seconds=60, probe_seconds=0.5) as door:
        warm(door, fleet)
        fleet.set(die_before="rst")
        before = sum(node.counters().started for node in fleet.nodes)
        asked = 200
        for _ in range(asked):
            assert door.chat().status == 503
        tries = sum(node.counters().started for node in fleet.nodes) - before
        # Each call's own try, a tenth of them again, and the three that are affordable from the start; besides, at each
        # node, two that cost nothing before its third failure tells, and one that a kept connection lost was sent again.
        assert tries <= 1.1 * asked + 3 + (2 + 1) * len(fleet.nodes)
        fleet.set(die_before=None)
        until(lambda: door.chat().status == 200, what="it recovers")


def test_a_conversation_goes_where_its_beginning_is_cached(fleet: Fleet) -> None:
    with gateway(*fleet.nodes) as door:
        warm(door, fleet)
        talk = [{"role": "user", "content": "a long beginning " * 400}]
        used = set()
        for turn in range(5):
            heard = door.ask("/api/chat", {"model": MODEL, "messages": talk})
            used.add(header(heard, "x-cluster-node"))
            talk += [{"role": "assistant", "content": "yes"}, {"role": "user", "content": f"turn {turn}"}]
            if turn:
                assert "prompt tokens cached" in header(heard, "x-cluster-why")
        assert len(used) == 1


def pinned(door: Door, wanted: str) -> Heard:
    return door.ask("/api/chat", HI, X_Cluster_Node=wanted)


def test_a_call_may_name_its_node_or_a_label(fleet: Fleet) -> None:
    labels = [("gpu",), ("cpu", "quiet"), ()]
    rows = [
        UpstreamSettings(name=node.name, url=node.url, labels=words)
        for node, words in zip(fleet.nodes, labels, strict=True)
    ]
    with gateway(rows=rows) as door:
        assert {header(pinned(door, "fake-2"), "x-cluster-node") for _ in range(3)} == {"fake-2"}
        assert header(pinned(door, "quiet"), "x-cluster-node") == "fake-1"
        assert header(pinned(door, "gpu, fake-0"), "x-cluster-node") == "fake-0"
        nobody = pinned(door, "elsewhere")
        assert (nobody.status, header(nobody, "retry-after")) == (404, ""), "to try again would not help"
        assert b"elsewhere; there are: fake-0, fake-1, fake-2" in nobody.body


def test_a_node_that_drains_gets_nothing_new(fleet: Fleet) -> None:
    rows = [
        UpstreamSettings(name=node.name, url=node.url, drain=number == 0) for number, node in enumerate(fleet.nodes[:2])
    ]
    with gateway(rows=rows) as door:
        assert {header(door.chat(), "x-cluster-node") for _ in range(5)} == {"fake-1"}
        assert door.state().upstreams[0].draining
        drained = pinned(door, "fake-0")
        assert (drained.status, b"fake-0 is drained" in drained.body) == (503, True)


def test_an_alias_is_the_first_of_its_models_that_is_there(fleet: Fleet) -> None:
    with gateway(fleet.nodes[0], aliases={"fast": ("missing:1b", MODEL), "none": ("missing:1b",)}) as door:
        heard = door.ask("/api/chat", HI | {"model": "fast"})
        assert (heard.status, header(heard, "x-cluster-model")) == (200, MODEL)
        assert heard.lines[0]["model"] == MODEL, "never another model in place of the one asked without a word"
        assert fleet.nodes[0].log()[-1].body["model"] == MODEL
        missing = door.ask("/api/chat", HI | {"model": "none"})
        assert missing.status == 404
        assert [row["name"] for row in door.ask("/api/tags").lines[0]["models"]] == ["all-minilm:latest", MODEL, "fast"]
        assert [row["id"] for row in door.ask("/v1/models").lines[0]["data"]] == ["all-minilm:latest", MODEL, "fast"]
        assert door.ask("/v1/models/fast").lines[0]["id"] == "fast"


def test_the_same_weights_under_another_name_are_the_same_model(fleet: Fleet) -> None:
    first, second, _ = fleet.nodes
    with gateway(first, second) as door:
        second.set(models=["mine:135m"])
        until(lambda: any(m.name == "mine:135m" for m in door.upstream(1).models))
        digests = {row.name: row.digest for up in door.state().upstreams for row in up.models}
        if digests["mine:135m"] != digests[MODEL]:
            assert door.ask("/api/chat", HI, X_Cluster_Node="fake-1").status == 404, "other weights are never given"
            return
        heard = door.ask("/api/chat", HI, X_Cluster_Node="fake-1")
        assert (heard.status, header(heard, "x-cluster-model")) == (200, "mine:135m")


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [("round_robin", {2: 3}), ("least_loaded", {2: 3}), ("priority", {6: 1, 0: 2}), ("random_of_two", None)],
)
def test_strategies_for_comparison(fleet: Fleet, strategy: str, expected: dict[int, int] | None) -> None:
    rows = [
        UpstreamSettings(name=node.name, url=node.url, slots=8, priority=number)
        for number, node in enumerate(fleet.nodes)
    ]
    with gateway(rows=rows, strategy=strategy) as door:
        warm(door, fleet)
        fleet.set(ttft=0.5)
        with asking(door, 6) as calls:
            used = [header(call.result(), "x-cluster-node") for call in calls]
        counts = [used.count(node.name) for node in fleet.nodes]
        if expected is None:
            assert sum(counts) == 6
            return
        assert {count: counts.count(count) for count in counts} == expected
        if strategy == "priority":
            assert counts == [0, 0, 6]


def test_interactive_calls_pass_those_that_nobody_waits_for(fleet: Fleet) -> None:
    node = fleet.nodes[0]
    rows = [UpstreamSettings(name=node.name, url=node.url, slots=1)]
    order: list[str] = []

    def ask(kind: str, **headers: str) -> Callable[[], None]:
        def run() -> None:
            assert door.ask("/api/chat", HI | {"stream": kind == "person"}, timeout=30, **headers).status == 200
            order.append(kind)

        return run

    with gateway(rows=rows, trust_user_headers=True) as door, ThreadPoolExecutor(4) as pool:
        door.ask("/api/generate", {"model": MODEL})
        node.set(ttft=0.5)
        running = pool.submit(ask("first"))
        node.until(lambda seen: seen.in_flight == 1)
        task = [pool.submit(ask("title", X_Cluster_Task="title_generation")) for _ in range(2)]
        until(lambda: door.state().waiting == {MODEL: 2})
        person = pool.submit(ask("person", X_OpenWebUI_Chat_Id="c", X_OpenWebUI_User_Id="u"))
        for call in (running, *task, person):
            call.result()
    assert order == ["first", "person", "title", "title"]
