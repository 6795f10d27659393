"""The network between gateway and node: cut at any byte, blackholed, slow; a client never gets a false whole answer."""

import json
import socket
from collections.abc import Iterator

import pytest

from tests.chaos.fault_proxy import Faults, Threaded, in_thread
from tests.fakes.fleet import Fleet
from tests.fakes.raw import MODEL, Heard, hear
from tests.fakes.text import answer
from tests.gateway.door import HI, gateway, header, request
from tests.waiting import until

pytestmark = pytest.mark.real

TOKENS = 6
EXPECTED = "".join(answer(MODEL, 0, (("user", "hi"),), count=TOKENS, as_json=False))
PATHS = {
    "ollama": ("/api/chat", HI),
    "openai": ("/v1/chat/completions", HI | {"stream": True}),
    "whole": ("/api/chat", HI | {"stream": False}),
}


@pytest.fixture
def cable(fleet: Fleet) -> Iterator[Threaded]:
    with in_thread(fleet.nodes[0].port) as started:
        yield started


def told(heard: Heard) -> str:
    """The text of the records that can be read."""
    text = ""
    for row in heard.body.split(b"\n"):
        try:
            record = json.loads(row.removeprefix(b"data: "))
        except ValueError:
            continue
        message = record.get("message") or (record.get("choices") or [{}])[0].get("delta") or {}
        text += message.get("content", "")
    return text


@pytest.mark.parametrize("how", ["fin", "rst"])
@pytest.mark.parametrize("path", PATHS)
def test_answer_cut_at_any_byte_is_whole_or_says_that_it_is_not(
    fleet: Fleet, cable: Threaded, path: str, how: str
) -> None:
    fleet.set(answer_tokens=TOKENS)
    where, fields = PATHS[path]
    # Nodes are asked to stream, whatever the client wants.
    length = len(hear(fleet.nodes[0], request(where, fields | {"stream": True})).data)
    # No probe comes by itself and none is cut: the one connection that is cut is the request's.
    settings = {"breaker_failures": 100, "probe_seconds": 60, "urls": (cable.proxy.url,)}
    with gateway(fleet.nodes[0], **settings) as door:
        whole = broken = 0
        for cut in [*range(1, length, 37), *range(length - 12, length), length + 200]:
            until(lambda: door.upstream(0).state == "healthy", what="the probe came through")
            cable.proxy.cuts["down"] = 0
            cable.proxy.down = Faults(cut_after=cut, how=how, times=1)
            heard = door.ask(where, fields)
            broken += heard.status == 200 and not heard.ended_whole
            if heard.status == 503:
                assert json.loads(heard.body)["error"], "nothing had reached the client"
            elif heard.ended_whole:
                assert told(heard) == EXPECTED, cut
                whole += 1
            else:
                assert EXPECTED.startswith(told(heard)), cut
                assert b'"upstream_lost"' in heard.body, cut
                # Cut behind its last letter an answer may carry its end and an error; never an end without its text.
                ended = b"[DONE]" in heard.body or (path == "ollama" and b'"done":true}' in heard.body)
                assert not ended or told(heard) == EXPECTED, cut
        assert broken >= 3 or path == "whole", "most cuts fall into the answer"
        assert whole >= 1, "what ends before the cut is whole"
        until(lambda: door.state().inflight == 0)


@pytest.mark.parametrize("path", PATHS)
def test_another_node_answers_when_the_head_alone_came(fleet: Fleet, cable: Threaded, path: str) -> None:
    where, fields = PATHS[path]
    with gateway(*fleet.nodes[:2], urls=(cable.proxy.url, fleet.nodes[1].url)) as door:
        door.prefer(0)
        cable.proxy.down = Faults(cut_after=60)
        heard = door.ask(where, fields)
        assert (heard.status, header(heard, "x-cluster-node")) == (200, "fake-1")
        assert heard.ended_whole


def test_machine_that_lost_its_power_costs_the_first_request_its_connect_deadline(
    fleet: Fleet, cable: Threaded
) -> None:
    settings = {"probe_seconds": 60, "urls": (cable.proxy.url, fleet.nodes[1].url)}
    with gateway(*fleet.nodes[:2], **settings) as door:
        cable.call(cable.proxy.vanish())
        first, later = door.chat(), [door.chat() for _ in range(5)]
        assert {heard.status for heard in (first, *later)} == {200}
        assert first.seconds < 10
        assert max(heard.seconds for heard in later) < 1.0, "less than the deadline"


def test_slow_and_jittery_line_still_carries_every_byte(fleet: Fleet, cable: Threaded) -> None:
    fleet.set(answer_tokens=TOKENS)
    cable.proxy.down = Faults(latency=0.01, jitter=0.02, slice=5, rate=200_000)
    with gateway(fleet.nodes[0], urls=(cable.proxy.url,)) as door:
        for where, fields in PATHS.values():
            heard = door.ask(where, fields)
            assert heard.ended_whole
            assert told(heard) == EXPECTED


def test_a_line_that_comes_back_is_used_again(fleet: Fleet, cable: Threaded) -> None:
    with gateway(fleet.nodes[0], urls=(cable.proxy.url,)) as door:
        cable.call(cable.proxy.listen("refuse"))
        cable.cut()
        until(lambda: door.upstream(0).state == "down")
        assert door.chat().status == 503
        cable.call(cable.proxy.heal())
        until(lambda: door.chat().status == 200)


def test_stream_cut_under_many_clients_is_one_outage(fleet: Fleet, cable: Threaded) -> None:
    fleet.set(rate=10)
    with gateway(fleet.nodes[0], breaker_seconds=0.5, urls=(cable.proxy.url,)) as door:
        with door.open(HI) as one, door.open(HI) as two, door.open(HI) as three, door.open(HI) as four:
            socks = (one, two, three, four)
            assert all(sock.recv(1) for sock in socks)
            cable.cut()
            for sock in socks:
                _to_the_end(sock)
        assert door.upstream(0).breaker == "open"
        fleet.set(rate=0)
        until(lambda: door.upstream(0).breaker == "half_open", seconds=1, what="four failures, one pause")
        assert door.chat().status == 200


def _to_the_end(sock: socket.socket) -> None:
    data = b""
    while part := sock.recv(65536):
        data += part
    assert b"upstream_lost" in data
