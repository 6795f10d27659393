"""One change at several nodes: named, all, merged progress, partial failure, a client that leaves."""

import http.client
import json
import threading
import time
from contextlib import closing

import ollama
import pytest

from tests.fakes.fleet import FakeNode
from tests.gateway.conftest import Answer, Gateway
from tests.gateway.managing.conftest import has, listed
from tests.waiting import until

pytestmark = pytest.mark.real
NEW = "qwen3:0.6b"


def pull(cluster: Gateway, nodes: str, model: str = NEW, **more: object) -> Answer:
    return cluster.ask("POST", "/api/pull", {"model": model} | more, x_cluster_node=nodes)


def holding(cluster: Gateway, model: str) -> set[str]:
    return {node.name for node in cluster.fleet.nodes if has(node, model)}


@pytest.mark.parametrize(
    ("header", "nodes"),
    [("fake-1", {"fake-1"}), ("fake-2,fake-0", {"fake-2", "fake-0"}), ("all", {"fake-0", "fake-1", "fake-2"})],
)
def test_the_header_says_where(cluster: Gateway, header: str, nodes: set[str]) -> None:
    answer = pull(cluster, header)
    assert answer.status == 200
    assert set(answer.headers["x-cluster-node"].split(", ")) == nodes
    assert answer.lines[-1] == {"status": "success"}
    assert holding(cluster, NEW) == nodes


def test_progress_of_several_says_whose_it_is_and_ends_once(cluster: Gateway, client: ollama.Client) -> None:
    cluster.fleet.set(pull=0.2)
    answer = pull(cluster, "all")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [line["status"] for line in answer.lines].count("success") == 1
    for node in cluster.fleet.nodes:
        own = [line for line in answer.lines if line.get("node") == node.name]
        assert own[0] == {"status": "pulling manifest", "node": node.name}
        done = [line["completed"] for line in own if "completed" in line]
        assert done == sorted(done)
        assert done[-1] == own[1]["total"]
        assert own[-1] == {"status": f"done on {node.name}", "node": node.name}
    order = [line.get("node") for line in answer.lines]
    assert order != sorted(order, key=str), "the nodes work side by side"
    assert NEW in listed(client)


def test_what_one_node_says_passes_as_it_is(cluster: Gateway) -> None:
    through = pull(cluster, "fake-1").lines
    with closing(http.client.HTTPConnection("127.0.0.1", cluster.fleet.nodes[1].port)) as direct:
        direct.request("POST", "/api/pull", json.dumps({"model": NEW}))
        assert through == [json.loads(line) for line in direct.getresponse().read().splitlines()]


def test_one_failure_lets_the_others_finish_and_is_told_at_the_end(cluster: Gateway) -> None:
    cluster.fleet.set(pull=0.2)
    cluster.fleet.nodes[1].set(manage_dies_at=2)
    answer = pull(cluster, "all")
    assert answer.status == 200
    assert holding(cluster, NEW) == {"fake-0", "fake-2"}
    assert "success" not in {line.get("status") for line in answer.lines}
    (error,) = [line for line in answer.lines if "error" in line]
    assert answer.lines[-1] == error
    assert error["node"] == "fake-1"
    assert error["error"].startswith("fake-1: ")
    assert {"status": f"failed on {error['error']}", "node": "fake-1"} in answer.lines


def test_ollamas_client_sees_the_failure_after_the_others_are_done(cluster: Gateway) -> None:
    cluster.fleet.nodes[1].set(manage_dies_at=2)
    with (
        closing(ollama.Client(cluster.url, headers={"X-Cluster-Node": "all"})) as client,
        pytest.raises(ollama.ResponseError, match="fake-1"),
    ):
        list(client.pull(NEW, stream=True))
    assert holding(cluster, NEW) == {"fake-0", "fake-2"}


def test_without_a_stream_failures_are_told_by_node(cluster: Gateway) -> None:
    cluster.fleet.nodes[1].set(manage_status=500)
    answer = pull(cluster, "all", stream=False)
    assert answer.status == 502
    assert answer.json["nodes"] == {
        "fake-0": "done",
        "fake-1": "fake-1: no space left on device",
        "fake-2": "done",
    }
    assert answer.json["error"] == "fake-1: no space left on device"
    assert pull(cluster, "fake-0,fake-2", stream=False).json == {"status": "success"}


def test_when_all_refuse_alike_the_status_is_theirs(cluster: Gateway) -> None:
    cluster.fleet.set(manage_status=507)
    for stream in (True, False):
        answer = pull(cluster, "fake-0,fake-2", stream=stream)
        assert answer.status == 507
        assert set(answer.json["nodes"]) == {"fake-0", "fake-2"}
    one = pull(cluster, "fake-0")
    assert (one.status, one.json) == (
        507,
        {"error": "fake-0: no space left on device", "code": "node_failed", "node": "fake-0"},
    )


def test_a_node_that_is_down_is_a_failure_when_it_was_meant(cluster: Gateway) -> None:
    cluster.fleet.nodes[2].kill()
    answer = pull(cluster, "all")
    assert answer.lines[-1]["node"] == "fake-2"
    assert "connection refused" in answer.lines[-1]["error"]
    assert holding(cluster, NEW) == {"fake-0", "fake-1"}
    alone = pull(cluster, "fake-2")
    assert alone.status == 502
    assert "connection refused" in alone.json["error"]


def test_a_model_is_copied_and_deleted_everywhere(cluster: Gateway, client: ollama.Client) -> None:
    copy = {"source": "smollm2:135m", "destination": "mine"}
    assert cluster.ask("POST", "/api/copy", copy, x_cluster_node="all").status == 200
    assert holding(cluster, "mine:latest") == {"fake-0", "fake-1", "fake-2"}
    answer = cluster.ask("DELETE", "/api/delete", {"model": "mine"}, x_cluster_node="fake-1")
    assert (answer.status, answer.body) == (200, b"")
    assert holding(cluster, "mine:latest") == {"fake-0", "fake-2"}
    assert "mine:latest" in listed(client)


def test_a_deletion_that_fails_at_one_node_says_which(cluster: Gateway) -> None:
    cluster.fleet.nodes[1].set(manage_status=500)
    answer = cluster.ask("DELETE", "/api/delete", {"model": "smollm2:135m"})
    assert answer.status == 502
    assert answer.json["node"] == answer.headers["x-cluster-node"] == "fake-1"
    assert answer.json["nodes"]["fake-0"] == answer.json["nodes"]["fake-2"] == "done"
    assert holding(cluster, "smollm2:135m") == {"fake-1"}


def test_a_deletion_tells_of_a_node_that_is_down(cluster: Gateway) -> None:
    cluster.fleet.nodes[1].kill()
    answer = cluster.ask("DELETE", "/api/delete", {"model": "smollm2:135m"})
    assert answer.status == 502
    assert "fake-1" in answer.json["error"]
    assert holding(cluster, "smollm2:135m") == {"fake-1"}


def test_an_update_reaches_every_node_that_has_the_model(cluster: Gateway) -> None:
    answer = cluster.ask("POST", "/api/pull", {"model": "smollm2:135m"})
    assert answer.lines[-1] == {"status": "success"}
    assert {line["node"] for line in answer.lines[:-1]} == {"fake-0", "fake-1", "fake-2"}


def pulls(cluster: Gateway) -> int:
    return sum(node.counters().paths.get("/api/pull", 0) for node in cluster.fleet.nodes)


def test_those_who_want_one_new_model_get_it_once(cluster: Gateway) -> None:
    cluster.fleet.set(pull=0.5)
    answers: list[Answer] = []
    asking = []
    for number in range(3):
        asking.append(threading.Thread(target=lambda: answers.append(cluster.ask("POST", "/api/pull", {"model": NEW}))))
        asking[number].start()
        until(lambda before=number: pulls(cluster) > before, what="a node works on it")
    for one in asking:
        one.join()
    assert [answer.lines[-1] for answer in answers] == [{"status": "success"}] * 3
    assert len(holding(cluster, NEW)) == 1


def test_two_new_models_at_once_go_to_two_nodes(cluster: Gateway) -> None:
    cluster.fleet.set(pull=0.5)
    first = threading.Thread(target=lambda: cluster.ask("POST", "/api/pull", {"model": "one:1b"}))
    first.start()
    until(lambda: pulls(cluster) == 1)
    time.sleep(0.2)  # until its size is known
    second = cluster.ask("POST", "/api/pull", {"model": "two:1b"})
    first.join()
    assert second.lines[-1] == {"status": "success"}
    assert holding(cluster, "one:1b") != holding(cluster, "two:1b")


@pytest.mark.parametrize("nodes", ["fake-0", "all"])
@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_stops_the_nodes(cluster: Gateway, nodes: str, stream: bool) -> None:
    cluster.fleet.set(pull=30.0)
    wanted: list[FakeNode] = [node for node in cluster.fleet.nodes if nodes in {"all", node.name}]
    connection = cluster.connect()
    connection.request("POST", "/api/pull", json.dumps({"model": NEW, "stream": stream}), {"X-Cluster-Node": nodes})
    for node in wanted:
        node.until(lambda seen: "/api/pull" in seen.paths)
    connection.close()
    for node in wanted:
        node.until(lambda seen: seen.cancelled == 1)
    assert holding(cluster, NEW) == set()


@pytest.mark.parametrize(
    ("header", "status", "said"),
    [
        ("nobody", 404, "no node is called nobody"),
        ("fake-0,nobody", 404, "no node is called nobody"),
        ("all,fake-0", 400, "either all or names"),
    ],
)
def test_names_of_nobody_are_refused_before_anything_happens(
    cluster: Gateway, header: str, status: int, said: str
) -> None:
    answer = pull(cluster, header)
    assert answer.status == status
    assert said in answer.json["error"]
    assert not any("/api/pull" in node.counters().paths for node in cluster.fleet.nodes)


def test_a_node_that_dies_before_its_first_word_is_named(cluster: Gateway) -> None:
    cluster.fleet.nodes[0].set(manage_dies_at=0)
    answer = pull(cluster, "fake-0")
    assert answer.status == 502
    assert answer.json["node"] == "fake-0"
