"""Who leaves stops the model, in every phase; who does not read holds nothing up."""

import http.client
import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest

from cluster_ai.gateway.types import UpstreamSettings
from tests.fakes.fleet import FakeNode, Fleet
from tests.gateway.door import HI, Door, gateway, request
from tests.waiting import until

pytestmark = pytest.mark.real


@pytest.fixture
def alone(fleet: Fleet) -> Iterator[tuple[Door, FakeNode]]:
    """One node, to which the gateway sends up to 100 calls at once."""
    node = fleet.nodes[0]
    with gateway(rows=[UpstreamSettings(name=node.name, url=node.url, slots=100)]) as door:
        yield Door(door.port, (node,)), node


def leave(sock: socket.socket, how: str) -> None:
    if how == "rst":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


PHASES = {
    "while it waits for a slot": ({"slots": 1, "ttft": 30}, HI, 2),
    "while the model loads": ({"load": 30}, HI, 1),
    "before the first byte": ({"ttft": 30}, HI, 1),
    "in the middle of a stream": ({"rate": 5}, HI, 1),
    "before a whole answer": ({"rate": 1}, HI | {"stream": False}, 1),
    "openai, before the first byte": ({"ttft": 30}, HI | {"stream": True}, 1),
}


@pytest.mark.parametrize("how", ["fin", "rst"])
@pytest.mark.parametrize("phase", PHASES)
def test_leaving_cancels_at_the_node(alone: tuple[Door, FakeNode], phase: str, how: str) -> None:
    door, node = alone
    knobs, fields, requests = PHASES[phase]
    if phase != "while the model loads":
        door.prefer(0)
    node.set(**knobs)
    before = len(node.log())
    path = "/v1/chat/completions" if phase.startswith("openai") else "/api/chat"
    socks = []
    for number in range(requests):
        sock = socket.create_connection(("127.0.0.1", door.port), timeout=10)
        sock.sendall(request(path, fields))
        socks.append(sock)
        node.until(lambda seen, number=number: len(seen.log) == before + number + 1)
    if phase == "in the middle of a stream":
        assert socks[0].recv(10)
    leave(socks[-1], how)
    left = time.monotonic()
    node.until(lambda seen: seen.cancelled == 1)
    assert time.monotonic() - left < 5
    until(lambda: door.state().inflight == requests - 1, what="the slot is free")
    for sock in socks[:-1]:
        sock.close()
    until(lambda: door.state().inflight == 0)
    seen = door.upstream(0)
    assert (seen.breaker, seen.failed, seen.state) == ("closed", 0, "healthy"), "no verdict on the node"
    assert door.state().totals.cancelled == requests
    assert door.state().totals.errors == 0


def test_fifty_who_leave_at_once_leave_nothing(alone: tuple[Door, FakeNode]) -> None:
    door, node = alone
    door.prefer(0)
    node.set(ttft=30, slots=100)
    socks = []
    for _ in range(50):
        sock = socket.create_connection(("127.0.0.1", door.port), timeout=10)
        sock.sendall(request("/api/chat", HI))
        socks.append(sock)
    until(lambda: door.state().inflight == 50)
    node.until(lambda seen: seen.in_flight == 50)
    for sock in socks:
        sock.close()
    node.until(lambda seen: seen.in_flight == 0)
    until(lambda: door.state().inflight == 0)
    assert door.upstream(0).breaker == "closed"
    node.set(ttft=0)
    assert door.chat().status == 200


def test_half_open_probe_whose_client_leaves_gives_its_turn_to_the_next(fleet: Fleet) -> None:
    with gateway(fleet.nodes[0], breaker_seconds=0.2) as door:
        door.prefer(0)
        node = fleet.nodes[0]
        node.set(die_before="rst")

        def is_open() -> bool:
            door.chat()
            return door.upstream(0).breaker != "closed"

        until(is_open, what="the breaker opens")
        node.set(die_before=None, ttft=30)
        until(lambda: door.upstream(0).breaker == "half_open")
        with door.open(HI):
            node.until(lambda seen: seen.in_flight == 1)
        node.until(lambda seen: seen.in_flight == 0)
        node.set(ttft=0)
        until(lambda: door.chat().status == 200 and door.upstream(0).breaker == "closed")


def test_reader_who_does_not_read_pauses_the_node_and_gets_everything(alone: tuple[Door, FakeNode]) -> None:
    door, node = alone
    door.prefer(0)
    node.set(answer_tokens=8_000, pad=4000)
    with door.open(HI, buffer=4096) as sock:

        def wrote() -> int:
            return sum(row.tokens for row in node.log())

        until(lambda: _still(wrote), seconds=10, what="the node is paused")
        assert wrote() < 6_000, "what is on its way stands in the buffers of the system, not in ours"
        # Somebody else is not held up.
        node.set(answer_tokens=5, pad=0)
        assert door.chat().seconds < 5
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        tokens, last = _rest(sock)
    assert tokens == 8_000
    assert b'"eval_count":8000' in last


def _rest(sock: socket.socket) -> tuple[int, bytes]:
    """Tokens up to the end, and the end. Read as HTTP: a piece of a transfer may begin in the middle of a mark."""
    tokens, tail = 0, b""
    with http.client.HTTPResponse(sock) as answer:
        answer.begin()
        while part := answer.read1():
            # So may what was read: the uncounted end is looked at with what comes next.
            whole, mark, tail = (tail + part).rpartition(b'"done":false')
            tokens += (whole + mark).count(b'"done":false')
    return tokens, tail


def _still(figure: Callable[[], int]) -> bool:
    before = figure()
    time.sleep(0.3)
    return before > 0 and figure() == before


def test_who_ends_only_their_own_sending_counts_as_gone(alone: tuple[Door, FakeNode]) -> None:
    door, node = alone
    door.prefer(0)
    node.set(ttft=30)
    with socket.create_connection(("127.0.0.1", door.port), timeout=10) as sock:
        sock.sendall(request("/api/chat", HI))
        node.until(lambda seen: seen.in_flight == 1)
        sock.shutdown(socket.SHUT_WR)
        node.until(lambda seen: seen.in_flight == 0)
        assert sock.recv(1) == b"", "nothing was written for nobody"
