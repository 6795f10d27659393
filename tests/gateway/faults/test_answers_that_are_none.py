"""What a node writes instead of an answer: left before the first word, told as a break after it, never passed on."""

import json
import threading

import pytest

from cluster_ai.gateway.types import UpstreamSettings
from tests.fakes.fleet import Fleet
from tests.fakes.raw import MODEL, Heard, hear
from tests.fakes.text import answer
from tests.gateway.door import HI, Door, gateway, header, request
from tests.gateway.faults.scripted import EVENTS, LAST, NDJSON, Say, Scripted, event, line, scripted

pytestmark = pytest.mark.real

WHOLE = "".join(answer(MODEL, 0, (("user", "hi"),), count=24, as_json=False))
PATHS = ("/api/chat", "/v1/chat/completions")
NO_RECORDS = {
    "a page": b"<html>502</html>\n\n",
    "half UTF-8": b'{"message":{"content":"\xc3\n\n',
    "half UTF-8 inside a text": b'{"message":{"content":"\xc3"}}\n\n',
    "a list": b"[1,2]\n\n",
    "a number": b"7\n\n",
    "null": b"null\n\n",
    "NUL": b"\x00\x00\n\n",
    "two objects": b"{}{}\n\n",
    "NaN": b'{"x":NaN}\n\n',
    "a key without value": b'{"message":}\n\n',
    "binary": bytes(range(128, 256)) + b"\n\n",
}
HEADS = {
    "no HTTP": b"hello\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a status that is none": b"HTTP/1.1 abc OK\r\n\r\n",
    "a huge head": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    "a wrong chunk": NDJSON + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}\n",
    "an empty body": NDJSON + b"\r\n",
    "a redirect": b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    "nothing to say": b"HTTP/1.1 204 No Content\r\n\r\n",
    "an upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
}


def told(heard: Heard) -> list[dict]:
    """Records of either dialect, without ``[DONE]``."""
    rows = [row.removeprefix(b"data: ") for row in heard.body.split(b"\n") if row]
    return [json.loads(row) for row in rows if row != b"[DONE]"]


def text(heard: Heard) -> str:
    said = ""
    for row in told(heard):
        choice = (row.get("choices") or [{}])[0]
        said += (row.get("message") or choice.get("delta") or {}).get("content") or ""
    return said


def beside(odd: Scripted, fleet: Fleet) -> tuple[tuple, dict]:
    """One honest node, and the odd one, which is asked first since it alone has the model in memory."""
    return (fleet.nodes[0],), {"rows": [UpstreamSettings(name="odd", url=odd.url)]}


@pytest.fixture(scope="module")
def odd() -> object:
    with scripted() as started:
        yield started


def ask(door: Door, path: str) -> Heard:
    return door.ask(path, HI | {"stream": True})


def told_in_turn(door: Door, odd: Scripted, path: str, pieces: tuple[bytes, ...]) -> Heard:
    """What comes of an answer whose third piece is sent when the client has the second."""
    has_word = threading.Event()

    def reading(data: bytes) -> bool:
        if b"hello " in data:
            has_word.set()
        return False

    odd.says = Say(pieces, heard=has_word)
    return hear(door.port, request(path, HI | {"stream": True}), until=reading)


@pytest.mark.parametrize("head", HEADS)
def test_an_answer_that_is_no_http_is_another_nodes_turn(fleet: Fleet, odd: Scripted, head: str) -> None:
    odd.says, odd.asked = Say((HEADS[head],)), 0
    nodes, rows = beside(odd, fleet)
    with gateway(*nodes, **rows) as door:
        heard = door.chat()
        assert odd.asked == 1
        assert (heard.status, header(heard, "x-cluster-node"), heard.text) == (200, "fake-0", WHOLE)
        assert heard.seconds < 5


@pytest.mark.parametrize("said", [b"", b'{"error":"odd"}'], ids=["no words", "words"])
@pytest.mark.parametrize("status", [499, 600, 999])
def test_a_status_of_no_meaning_is_told_as_the_nodes_failure(odd: Scripted, status: int, said: bytes) -> None:
    odd.says = Say((b"HTTP/1.1 %d Odd\r\nContent-Length: %d\r\n\r\n" % (status, len(said)) + said,))
    known = status == 499
    with gateway(rows=[UpstreamSettings(name="odd", url=odd.url)]) as door:
        for stream in (True, False):
            heard = door.chat(stream=stream)
            assert heard.status == (status if known else 503)
            assert known or f"odd: answered {status}" in json.loads(heard.body)["error"]
        heard = door.ask("/api/copy", {"source": MODEL, "destination": "other"})
        assert heard.status == (status if known else 502)
        assert json.loads(heard.body)["error"] == f"odd: {'odd' if said else f'answered {status}'}"


@pytest.mark.parametrize("path", PATHS)
def test_garbage_before_the_first_word_is_another_nodes_turn(fleet: Fleet, odd: Scripted, path: str) -> None:
    nodes, rows = beside(odd, fleet)
    first = EVENTS if path.startswith("/v1") else NDJSON
    with gateway(*nodes, **rows, breaker_failures=100) as door:
        for name, garbage in NO_RECORDS.items():
            odd.says, odd.asked = Say((first + b"\r\n", garbage)), 0
            # Only by name while it is doubted after its last failure; then nobody else may answer.
            pinned = door.ask(path, HI | {"stream": True}, X_Cluster_Node="odd")
            assert pinned.status == 503, name
            assert odd.asked == 1, name
            both = door.ask(path, HI | {"stream": True}, X_Cluster_Node="odd,fake-0")
            assert (both.status, text(both)) == (200, WHOLE), name


@pytest.mark.parametrize("path", PATHS)
def test_garbage_in_the_middle_never_reaches_the_client(odd: Scripted, path: str) -> None:
    openai = path.startswith("/v1")
    first, word = (EVENTS, event("hello ")) if openai else (NDJSON, line("hello "))
    with gateway(rows=[UpstreamSettings(name="odd", url=odd.url)], breaker_failures=100) as door:
        for name, garbage in NO_RECORDS.items():
            for pieces in ((first + b"\r\n", word, garbage, word, LAST), (first + b"\r\n", word, garbage + LAST)):
                heard = told_in_turn(door, odd, path, pieces)
                assert heard.status == 200, name
                assert not heard.ended_whole, name
                assert text(heard) == "hello ", name
                error = told(heard)[-1]["error"]
                assert (told(heard)[-1] if isinstance(error, str) else error)["code"] == "upstream_lost", name
                assert b"[DONE]" not in heard.body
                assert b'"done":true' not in heard.body
                assert heard.seconds < 5, name
            # Together with the first word it is known before that word has been told: nothing has been lost.
            odd.says = Say((first + b"\r\n" + word + garbage + LAST,))
            assert ask(door, path).status == 503, name
        state = door.state()
        assert (state.inflight, state.upstreams[0].inflight) == (0, 0)


def test_half_a_letter_at_the_end_of_a_piece_is_no_garbage(odd: Scripted) -> None:
    whole = line("é€😀" * 20) + LAST
    odd.says = Say((NDJSON + b"\r\n", *(whole[at : at + 1] for at in range(len(whole)))), pause=0)
    with gateway(rows=[UpstreamSettings(name="odd", url=odd.url)]) as door:
        heard = door.chat()
        assert heard.ended_whole
        assert heard.text == "é€😀" * 20


def test_an_end_that_comes_twice_is_one_end(odd: Scripted, fleet: Fleet) -> None:
    with gateway(rows=[UpstreamSettings(name="odd", url=odd.url)]) as door:
        for pieces in ((line("a") + LAST + LAST,), (line("a"), LAST, LAST), (line("a") + LAST, line("more") + LAST)):
            odd.says = Say((NDJSON + b"\r\n", *pieces))
            heard = door.chat()
            assert heard.ended_whole
            assert [bool(row.get("done")) for row in heard.lines].count(True) == 1
            assert heard.text == "a"
    fleet.nodes[0].set(duplicate_done=True)
    with gateway(fleet.nodes[0]) as door:
        for path in PATHS:
            heard = ask(door, path)
            assert heard.ended_whole
            assert (text(heard), heard.body.count(b"[DONE]")) == (WHOLE, int(path.startswith("/v1")))


def test_an_answer_without_its_end_is_never_taken_for_whole(odd: Scripted) -> None:
    with gateway(rows=[UpstreamSettings(name="odd", url=odd.url)], breaker_failures=100) as door:
        odd.says = Say((NDJSON + b"\r\n", line("a"), line("b")))
        streamed, whole = door.chat(), door.chat(stream=False)
        assert streamed.text == "ab"
        assert not streamed.ended_whole
        assert b"stopped before the end" in streamed.body
        assert whole.status == 503


def test_the_name_a_node_gives_itself_in_an_answer_decides_nothing(fleet: Fleet) -> None:
    fleet.set(wrong_model="somebody-else:70b")
    with gateway(*fleet.nodes[:2]) as door:
        for path in PATHS:
            heard = ask(door, path)
            assert text(heard) == WHOLE
        # What the gateway says of the answer is from what it asked, not from what it was told.
        assert door.state().decisions[-1].model == MODEL
        assert {row.breaker for row in door.state().upstreams} == {"closed"}
