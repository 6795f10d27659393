"""A node that looks well and never answers is left at the deadline; its connection is closed and no token comes twice."""

import socket
import time

import pytest

from cluster_ai.gateway.types import UpstreamSettings
from tests.fakes.fleet import FakeNode, Fleet
from tests.fakes.raw import MODEL, listen
from tests.fakes.text import answer
from tests.gateway.door import HI, gateway, header
from tests.gateway.faults.scripted import NDJSON, Say, line, scripted
from tests.waiting import until

pytestmark = pytest.mark.real

FIRST_BYTE = 0.5
WHOLE = "".join(answer(MODEL, 0, (("user", "hi"),), count=24, as_json=False))
SILENT = {
    "nothing at all": (),
    "half a status line": (b"HTTP/1.1 2",),
    "half a header": (b"HTTP/1.1 200 OK\r\nContent-Ty",),
    "a head without its end": (NDJSON,),
    "a head and no body": (NDJSON + b"\r\n",),
    "an interim answer for ever": (b"HTTP/1.1 100 Continue\r\n\r\n",) * 3,
    "half a record": (NDJSON + b"\r\n", line("hello")[:20]),
    "empty lines": (NDJSON + b"\r\n", b"\n", b"\n\n"),
    "a length and nothing of it": (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n",),
}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("silence", SILENT)
def test_silence_after_any_beginning_is_left_for_another_node(fleet: Fleet, silence: str, stream: bool) -> None:
    with scripted() as odd:
        odd.says = Say(SILENT[silence], then="hang")
        # The odd one alone has the model in memory, so that it is asked first.
        rows = [UpstreamSettings(name="odd", url=odd.url)]
        with gateway(fleet.nodes[0], rows=rows, first_byte_seconds=FIRST_BYTE) as door:
            heard = door.ask("/api/chat", HI | {"stream": stream})
            assert odd.asked == 1
            assert (heard.status, header(heard, "x-cluster-node")) == (200, "fake-0")
            assert FIRST_BYTE <= heard.seconds < 10, "long before its idle time was over"
            assert heard.ended_whole
            assert heard.text == WHOLE, "not a token of the silent node, none twice"
            until(lambda: odd.open == 0, what="its connection is closed")
            state = {row.name: row for row in door.state().upstreams}
            assert (state["odd"].failed, state["odd"].inflight) == (1, 0)
            # Probes are well, so it is not down; and who comes next does not wait for it again.
            assert header(door.chat(), "x-cluster-attempts") == "1"
            assert odd.asked == 1


def test_only_holder_that_hangs_is_told_of_and_its_place_is_free_again() -> None:
    with scripted() as odd:
        odd.says = Say((), then="hang")
        rows = [UpstreamSettings(name="odd", url=odd.url)]
        with gateway(rows=rows, first_byte_seconds=FIRST_BYTE) as door:
            heard = door.chat()
            assert heard.status == 503
            assert b"odd: no answer in time" in heard.body
            until(lambda: odd.open == 0)
            assert door.state().inflight == 0
            odd.says = Say((NDJSON + b"\r\n", line("back"), line(done=True)))
            assert door.chat().status == 200


@pytest.mark.parametrize("stream", [True, False])
def test_the_cause_is_failing_probes_where_these_ended_the_wait(fleet: Fleet, stream: bool) -> None:
    node = fleet.nodes[0]
    with gateway(node) as door:
        assert door.chat().status == 200
        node.set(die_after=3, die_before=None if stream else "stall", die_how="stall", probe="rst")
        heard = door.chat(stream=stream, timeout=20)
        assert b"answers nothing any more, nor any probe" in heard.data
        assert heard.seconds < 10, "long before its idle time was over"


def test_probes_that_fail_while_a_client_does_not_read_cut_nothing(fleet: Fleet) -> None:
    node = fleet.nodes[0]
    with gateway(node) as door:
        door.prefer(0)
        node.set(answer_tokens=4_000, pad=4000)
        with door.open(HI, buffer=4096) as sock:
            until(lambda: _pauses(node), what="nobody reads what it writes")
            node.set(frozen=True, listen="refuse")
            until(lambda: door.upstream(0).state == "down", seconds=15)
            # One more probe fails, and ends the waits for bytes; this call is not in one.
            time.sleep(1)
            assert door.state().inflight == 1
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            sock.settimeout(20)
            heard = listen(sock, 0)
        assert heard.end == "fin"
        assert not heard.ended_whole
        assert "answers nothing any more" in heard.lines[-1]["error"]
        assert (door.state().totals.cancelled, door.state().totals.errors) == (0, 1)


def _pauses(node: FakeNode) -> bool:
    before = sum(row.tokens for row in node.log())
    time.sleep(0.3)
    return before > 0 and sum(row.tokens for row in node.log()) == before
