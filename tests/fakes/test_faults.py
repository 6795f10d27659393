"""Every fault of a fake node, proven on the wire."""

import json
import time
from typing import Any

import pytest

from tests.fakes.fleet import FakeNode
from tests.fakes.raw import MODEL, chat, connected, get, hear, listen, post, whole
from tests.fakes.text import answer

pytestmark = pytest.mark.real
GREETING = "".join(answer(MODEL, 0, (("user", "hi"),), count=24, as_json=False))
ENDS = {"fin": "fin", "rst": "rst", "stall": "silence"}
# Silence is believed after half a second; an end is waited for.
PATIENCE = {"fin": 5.0, "rst": 5.0, "stall": 0.5}
EVENTS = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "stream": True}


def said(count: int) -> str:
    return "".join(answer(MODEL, 0, (("user", "hi"),), count=count, as_json=False))


@pytest.mark.parametrize("how", ["fin", "rst", "stall"])
def test_dies_before_the_first_byte(node: FakeNode, how: str) -> None:
    node.set(die_before=how)
    heard = hear(node, chat(), PATIENCE[how])
    assert (heard.data, heard.end) == (b"", ENDS[how])
    assert node.until(lambda told: told.faults == 1).in_flight == 0


@pytest.mark.parametrize("how", ["fin", "rst", "stall"])
@pytest.mark.parametrize("count", [0, 1, 7, 24])
def test_dies_after_so_many_tokens(node: FakeNode, how: str, count: int) -> None:
    node.set(die_after=count, die_how=how)
    heard = hear(node, chat(), PATIENCE[how])
    assert (heard.status, heard.text, heard.end, heard.ended_whole) == (200, said(count), ENDS[how], False)
    assert all(not record["done"] for record in heard.lines)


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_dies_while_it_generates_an_answer_of_one_piece(node: FakeNode, how: str) -> None:
    node.set(die_after=3, die_how=how)
    assert hear(node, chat(stream=False)).data == b""


@pytest.mark.parametrize("status", [400, 404, 429, 500, 502, 503])
def test_answers_a_wrong_status(node: FakeNode, status: int) -> None:
    node.set(status=status, retry_after=3)
    heard = whole(node, chat())
    assert heard.status == status
    assert json.loads(heard.body)["error"] == "the node failed"
    assert (b"Retry-After: 3" in heard.head) == (status == 503)
    assert json.loads(whole(node, post("/v1/chat/completions", EVENTS)).body)["error"]["type"] == "api_error"


def test_a_fault_waits_as_told(node: FakeNode) -> None:
    node.set(status=500, fault_delay=0.2)
    assert hear(node, chat(), until=b"failed").seconds > 0.2


def test_faults_end_after_so_many_requests(node: FakeNode) -> None:
    node.set(status=500, fault_times=2)
    assert [whole(node, chat()).status for _ in range(4)] == [500, 500, 200, 200]


def test_a_share_of_requests_fails(node: FakeNode) -> None:
    node.set(status=500, fault_share=0.25)
    assert [whole(node, chat()).status for _ in range(8)] == [200, 200, 200, 500] * 2


@pytest.mark.parametrize("kind", ["garbage", "half_utf8", "cut_line", "not_object"])
def test_a_record_is_malformed(node: FakeNode, kind: str) -> None:
    node.set(malformed_at=2, malformed=kind)
    lines = whole(node, chat()).body.splitlines()
    assert len(lines) == 26
    assert json.loads(lines[1])
    if kind == "not_object":
        assert json.loads(lines[2]) == [1, 2]
    else:
        with pytest.raises(UnicodeDecodeError if kind == "half_utf8" else json.JSONDecodeError):
            json.loads(lines[2])
    events = whole(node, post("/v1/chat/completions", EVENTS)).body.split(b"\n\n")
    assert events[-2] == b"data: [DONE]"
    assert len(events) == 24 + 1 + 1 + 2


def test_an_answer_of_one_piece_is_malformed(node: FakeNode) -> None:
    node.set(malformed_at=0)
    heard = whole(node, chat(stream=False))
    assert heard.status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(heard.body)


def test_an_error_record_ends_the_stream(node: FakeNode) -> None:
    node.set(error_after=2)
    heard = whole(node, chat())
    assert heard.lines[2:] == [{"error": "the runner has stopped"}]
    assert heard.ended_whole


def test_the_done_record_is_missing_or_doubled(node: FakeNode) -> None:
    node.set(no_done=True)
    heard = whole(node, chat())
    assert (heard.text, heard.ended_whole) == (GREETING, True)
    assert not any(record["done"] for record in heard.lines)
    node.set(no_done=False, duplicate_done=True)
    assert [record["done"] for record in whole(node, chat()).lines[-3:]] == [False, True, True]


def test_a_token_is_doubled_and_a_model_misnamed(node: FakeNode) -> None:
    node.set(duplicate_at=1, wrong_model="other:1b")
    lines = whole(node, chat()).lines
    assert lines[1] == lines[2]
    assert {record["model"] for record in lines} == {"other:1b"}


def test_a_listed_model_is_missing(node: FakeNode) -> None:
    node.set(missing=[MODEL])
    assert whole(node, chat()).status == 404
    assert MODEL.encode() in whole(node, get("/api/tags")).body


@pytest.mark.parametrize(("lie", "difference"), [("long", 100), ("short", -5)])
def test_the_content_length_lies(node: FakeNode, lie: str, difference: int) -> None:
    node.set(length=lie)
    heard = hear(node, chat(stream=False))
    told = int(heard.head.partition(b"Content-Length: ")[2].split(b"\r\n")[0])
    assert (told - len(heard.body), heard.end) == (difference, "fin")


def test_the_content_length_is_absent(node: FakeNode) -> None:
    node.set(length="none")
    heard = hear(node, chat(stream=False))
    assert b"Content-Length" not in heard.head
    assert (heard.lines[0]["message"]["content"], heard.end) == (GREETING, "fin")


@pytest.mark.parametrize(
    ("mode", "end"), [("refuse", "refused"), ("reset", "rst"), ("hang", "silence"), ("blackhole", "no-answer")]
)
def test_what_a_new_connection_meets(node: FakeNode, mode: str, end: str) -> None:
    node.set(listen=mode)
    assert hear(node, chat(), 0.5).end == end
    node.set(listen="up")
    assert whole(node, chat()).text == GREETING


def test_a_standing_connection_outlives_the_listener_until_it_is_cut(node: FakeNode) -> None:
    with connected(node, 0.3) as sock:
        sock.sendall(get("/"))
        assert listen(sock, 0).end == "silence"
        node.set(listen="refuse")
        sock.sendall(get("/"))
        assert listen(sock, 0, until=b"running").data.endswith(b"Ollama is running")
        assert node.cut("fin") == 1
        assert listen(sock, 0).end == "fin"


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_stream_is_cut_at_any_moment(node: FakeNode, how: Any) -> None:
    node.set(rate=50)
    with connected(node) as sock:
        sock.sendall(chat())
        assert listen(sock, 0, until=b"message").status == 200
        assert node.cut(how) == 1
        assert listen(sock, 0).end == how


def test_a_frozen_node_says_nothing_and_goes_on_later(node: FakeNode) -> None:
    node.set(rate=200)
    with connected(node, 0.3) as sock:
        sock.sendall(chat())
        begun = listen(sock, 0, until=b"message").data
        node.set(frozen=True)
        begun += listen(sock, 0).data
        assert not begun.endswith(b"0\r\n\r\n")
        assert hear(node, get("/"), 0.3).data == b""
        node.set(frozen=False)
        rest = listen(sock, time.monotonic(), until=b"0\r\n\r\n").data
    assert rest.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize(("probe", "end"), [("hang", "silence"), ("fin", "fin"), ("rst", "rst")])
def test_probes_fail_while_inference_works(node: FakeNode, probe: str, end: str) -> None:
    node.set(probe=probe)
    for path in ("/api/tags", "/v1/models"):
        heard = hear(node, get(path), 0.3)
        assert (heard.data, heard.end) == (b"", end)
    assert whole(node, chat()).text == GREETING


def test_probes_are_slow_wrong_or_garbage(node: FakeNode) -> None:
    node.set(probe_delay=0.2)
    assert hear(node, get("/api/version"), until=b"version").seconds > 0.2
    node.set(probe_delay=0, probe_status=500)
    assert whole(node, get("/api/tags")).status == 500
    node.set(probe_status=None, probe="garbage")
    assert whole(node, get("/api/tags")).body.startswith(b"<html>")


def test_probes_are_fine_while_every_inference_fails(node: FakeNode) -> None:
    node.set(status=500)
    assert whole(node, get("/api/tags")).status == 200
    assert whole(node, chat()).status == 500
