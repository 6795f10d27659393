"""Blobs go through to the node that makes the model: of any size, never whole in memory, refused before they are sent."""

import contextlib
import hashlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from tests.fakes.fleet import FakeNode, Fleet
from tests.fakes.raw import Heard
from tests.gateway.conftest import Answer, Gateway
from tests.gateway.door import gateway as opened
from tests.gateway.door import header
from tests.waiting import until

pytestmark = pytest.mark.real
MIB = 1024 * 1024
DATA = b"GGUF" * 50_000


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def send(cluster: Gateway, data: bytes, **headers: str) -> Answer:
    return cluster.ask("POST", f"/api/blobs/{digest(data)}", data, **headers)


def look(cluster: Gateway, data: bytes, **headers: str) -> int:
    return cluster.ask("HEAD", f"/api/blobs/{digest(data)}", **headers).status


def create(cluster: Gateway, *data: bytes, **headers: str) -> Answer:
    files = {f"{number}.gguf": digest(one) for number, one in enumerate(data)}
    return cluster.ask("POST", "/api/create", {"model": "made", "files": files, "stream": False}, **headers)


def sent_to(cluster: Gateway, data: bytes) -> set[str]:
    """Nodes that took the bytes."""
    path = f"/api/blobs/{digest(data)}"
    nodes = {node.name: node.log() for node in cluster.fleet.nodes}
    return {name for name, log in nodes.items() if any(row.path == path and row.method == "POST" for row in log)}


def test_a_blob_is_looked_for_sent_and_found(cluster: Gateway) -> None:
    assert look(cluster, DATA) == 404
    first = send(cluster, DATA)
    assert (first.status, first.body) == (201, b"")
    assert sent_to(cluster, DATA) == {first.headers["x-cluster-node"]}
    assert look(cluster, DATA) == 200
    again = send(cluster, DATA)
    assert (again.status, again.headers["x-cluster-node"]) == (200, first.headers["x-cluster-node"])
    made = create(cluster, DATA)
    assert (made.json, made.headers["x-cluster-node"]) == ({"status": "success"}, first.headers["x-cluster-node"])


def test_all_blobs_of_a_model_go_to_one_node(cluster: Gateway) -> None:
    """The first takes room, which makes another node the roomiest."""
    parts = [bytes([number]) * 10_000 for number in range(6)]
    where = {send(cluster, part).headers["x-cluster-node"] for part in parts}
    assert len(where) == 1
    assert create(cluster, *parts).headers["x-cluster-node"] in where


def test_a_blob_at_another_node_is_sent_again_where_the_model_is_made(cluster: Gateway) -> None:
    other = b"other" * 1000
    assert send(cluster, other, x_cluster_node="fake-2").status == 201
    create(cluster, other, x_cluster_node="fake-2")
    assert send(cluster, DATA, x_cluster_node="fake-1").status == 201
    assert look(cluster, other) == 404, "the next model is made on fake-1"
    assert send(cluster, other).headers["x-cluster-node"] == "fake-1"
    assert create(cluster, DATA, other).headers["x-cluster-node"] == "fake-1"


def test_a_blob_that_was_found_decides_where_the_others_go(cluster: Gateway) -> None:
    assert send(cluster, DATA, x_cluster_node="fake-2").status == 201
    create(cluster, DATA)
    assert look(cluster, DATA) == 200
    assert send(cluster, b"second").headers["x-cluster-node"] == "fake-2"
    assert create(cluster, DATA, b"second").json == {"status": "success"}


def test_blobs_that_nobody_has_together_make_no_model(cluster: Gateway) -> None:
    send(cluster, DATA, x_cluster_node="fake-0")
    send(cluster, b"second", x_cluster_node="fake-1")
    answer = create(cluster, DATA, b"second")
    assert answer.status == 400
    assert "no node has all the blobs" in answer.json["error"]


def test_a_model_of_blobs_is_made_on_several_nodes(cluster: Gateway) -> None:
    answer = send(cluster, DATA, x_cluster_node="all")
    assert answer.status == 201
    assert sent_to(cluster, DATA) == {"fake-0", "fake-1", "fake-2"}
    made = create(cluster, DATA, x_cluster_node="all")
    assert made.json == {"status": "success"}
    assert sum(node.counters().paths["/api/create"] for node in cluster.fleet.nodes) == 3


def test_a_node_that_fails_does_not_stop_the_others(cluster: Gateway) -> None:
    cluster.fleet.nodes[1].kill()
    answer = send(cluster, DATA * 20, x_cluster_node="all")
    assert answer.status == 502
    assert answer.json["nodes"]["fake-0"] == answer.json["nodes"]["fake-2"] == "done"
    assert "connection refused" in answer.json["nodes"]["fake-1"]


def test_what_does_not_fit_its_digest_is_refused_by_the_node(cluster: Gateway) -> None:
    answer = cluster.ask("POST", f"/api/blobs/{digest(DATA)}", b"something else")
    assert answer.status == 400
    assert "digest mismatch" in answer.json["error"]
    assert look(cluster, DATA) == 404


@pytest.mark.parametrize(
    "name",
    ["sha256:00", "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "sha256-" + "0" * 64, "sha256:" + "0" * 64 + "/.."],
)
def test_what_is_no_digest_reaches_no_node(cluster: Gateway, name: str) -> None:
    for method in ("HEAD", "POST"):
        assert cluster.ask(method, f"/api/blobs/{name}", DATA if method == "POST" else None).status == 400
    assert not any("blobs" in path for node in cluster.fleet.nodes for path in node.counters().paths)


def test_chunks_pass_as_well_as_a_known_length(cluster: Gateway) -> None:
    with closing(cluster.connect()) as connection:
        pieces = iter([DATA[at : at + 7001] for at in range(0, len(DATA), 7001)])
        connection.request("POST", f"/api/blobs/{digest(DATA)}", pieces, encode_chunked=True)
        assert connection.getresponse().status == 201
    assert look(cluster, DATA) == 200


# -- how the bytes go


@pytest.fixture(scope="module")
def small(running_fleet: Fleet) -> Iterator[tuple[int, FakeNode]]:
    """A gateway that takes bodies of 100 kB at most, over one node."""
    running_fleet.default()
    with opened(running_fleet.nodes[0], max_body_bytes=100_000) as door:
        yield door.port, running_fleet.nodes[0]


def head(data_digest: str, length: int, *more: str) -> bytes:
    rows = [f"POST /api/blobs/{data_digest} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {length}", *more]
    return "\r\n".join(rows).encode() + b"\r\n\r\n"


@contextmanager
def calling(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        yield sock


def until_end(sock: socket.socket) -> Heard:
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(65536)
        if not part:
            break
        data += part
    return Heard(data, "enough", 0.0)


def test_a_blob_may_be_larger_than_any_other_body(small: tuple[int, FakeNode]) -> None:
    port, node = small
    data = b"x" * (40 * MIB)
    with calling(port) as sock:
        sock.sendall(head(digest(data), len(data)) + data)
        assert until_end(sock).status == 201
    assert node.log()[-1].body_sha256 == digest(data).removeprefix("sha256:")


def test_a_client_that_asks_first_is_told_to_go_on_or_not(small: tuple[int, FakeNode]) -> None:
    port, _ = small
    for expected in (b"HTTP/1.1 100", b"HTTP/1.1 200"):
        with calling(port) as sock:
            sock.sendall(head(digest(DATA), len(DATA), "Expect: 100-continue"))
            answer = until_end(sock)
            assert answer.data.startswith(expected)
            if expected.endswith(b"100"):
                sock.sendall(DATA)
                assert until_end(sock).status == 201
            else:
                assert header(answer, "connection") == "close"
    with calling(port) as sock:
        sock.sendall(head("sha256:00", 1000, "Expect: 100-continue"))
        assert until_end(sock).status == 400


def flood(sock: socket.socket, *, seconds: float = 10.0) -> int:
    """Sends for so long, or until nobody takes any more; how many bytes left."""
    sent, deadline = 0, time.monotonic() + seconds
    with contextlib.suppress(OSError):
        while time.monotonic() < deadline:
            sent += sock.send(b"x" * 65536)
    return sent


def test_a_slow_node_holds_its_client_back(small: tuple[int, FakeNode]) -> None:
    """What the client gets rid of is what the node takes, and what fits the buffers on the way."""
    port, node = small
    node.set(take=4_000_000.0)
    with calling(port) as sock:
        sock.sendall(head("sha256:" + "0" * 64, 8192 * MIB))
        assert flood(sock, seconds=1.5) < 64 * MIB
    until(lambda: node.counters().open_connections == 0, seconds=30, what="the node is rid of the half blob")
    node.set(take=0.0)


def test_a_client_that_leaves_in_the_middle_leaves_no_blob(small: tuple[int, FakeNode]) -> None:
    port, node = small
    data = b"half" * MIB
    with calling(port) as sock:
        sock.sendall(head(digest(data), len(data)) + data[: len(data) // 2])
    with calling(port) as sock:
        chunked = head(digest(data), 0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
        sock.sendall(chunked + b"100000\r\n" + data[: 1024 * 1024] + b"\r\n")
    until(lambda: node.counters().open_connections == 0, what="nothing is under way")
    assert not any(row.method == "POST" and row.path.endswith(digest(data)) for row in node.log())
    with calling(port) as sock:
        sock.sendall(head(digest(data), len(data)).replace(b"POST", b"HEAD").replace(str(len(data)).encode(), b"0"))
        assert until_end(sock).status == 404


def test_a_node_that_dies_in_the_middle_ends_the_upload(small: tuple[int, FakeNode]) -> None:
    port, node = small
    node.set(take=1_000_000.0)
    with calling(port) as sock:
        sock.sendall(head("sha256:" + "1" * 64, 1024 * MIB) + b"x" * MIB)
        sending = threading.Thread(target=flood, args=(sock,))
        sending.start()
        until(lambda: node.counters().open_connections, what="it is under way")
        node.kill()
        answer = until_end(sock)
        sending.join()
    node.default()
    node.restart()
    assert answer.status == 502
    assert header(answer, "connection") == "close"
    assert "fake-0: " in json.loads(answer.body)["error"]
