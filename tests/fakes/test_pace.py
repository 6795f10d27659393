"""An honest node's pace, slots, loads and cancellation; how its answers leave."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fakes.fleet import FakeNode
from tests.fakes.raw import MODEL, Heard, chat, connected, get, hear, listen, post, whole

pytestmark = pytest.mark.real


def many(node: FakeNode, count: int) -> list[Heard]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(lambda _: whole(node, chat()), range(count)))


def test_tokens_come_at_the_rate_after_the_first_token_time(node: FakeNode) -> None:
    node.set(rate=100, ttft=0.2, answer_tokens=41)
    heard = whole(node, chat())
    assert 0.6 <= heard.seconds < 10
    (seen,) = node.log()
    assert 0.2 <= (seen.first_byte or 0) - seen.at < heard.seconds


def test_the_rate_changes_while_a_stream_runs(node: FakeNode) -> None:
    node.set(rate=1)
    with connected(node) as sock:
        sock.sendall(chat())
        listen(sock, 0, until=b"message")
        node.set(rate=1000)
        assert listen(sock, 0, until=b"0\r\n\r\n").data.endswith(b"0\r\n\r\n")


def test_requests_beyond_the_slots_wait_and_beyond_the_queue_are_refused(node: FakeNode) -> None:
    node.set(slots=2, queue=1, rate=100, answer_tokens=20, retry_after=2)
    heard = many(node, 5)
    assert sorted(one.status for one in heard) == [200, 200, 200, 503, 503]
    refused = next(one for one in heard if one.status == 503)
    assert b"server busy, please try again.  maximum pending requests exceeded" in refused.body
    assert b"Retry-After: 2" in refused.head
    told = node.until(lambda told: told.done == 3)
    assert (told.max_in_flight, told.max_queued, told.refused, told.in_flight, told.queued) == (2, 1, 2, 0, 0)


def test_a_waiting_client_that_leaves_frees_its_place(node: FakeNode) -> None:
    node.set(slots=1, queue=1, rate=20)
    with connected(node) as running:
        running.sendall(chat())
        node.until(lambda told: told.in_flight == 1)
        with connected(node) as waiting:
            waiting.sendall(chat())
            node.until(lambda told: told.queued == 1)
        told = node.until(lambda told: told.cancelled == 1)
        assert (told.queued, told.in_flight) == (0, 1)
    assert node.until(lambda told: told.cancelled == 2).in_flight == 0


def test_more_slots_let_the_waiting_in(node: FakeNode) -> None:
    node.set(slots=1, rate=20)
    threads = [threading.Thread(target=whole, args=(node, chat())) for _ in range(2)]
    for thread in threads:
        thread.start()
    node.until(lambda told: told.queued == 1)
    node.set(slots=2)
    assert node.until(lambda told: told.in_flight == 2).queued == 0
    node.set(rate=0)
    for thread in threads:
        thread.join()


def test_a_cold_model_is_loaded_once_for_all(node: FakeNode) -> None:
    node.set(load=0.5)
    heard = many(node, 4)
    assert max(one.seconds for one in heard) >= 0.5
    # Who came later waited less, and for the same load.
    assert all(one.lines[-1]["load_duration"] > 1e8 for one in heard)
    assert node.counters().loads == 1
    assert whole(node, chat()).lines[-1]["load_duration"] < 1e8


def test_a_load_that_all_left_is_given_up(node: FakeNode) -> None:
    node.set(load=30)
    with connected(node) as sock:
        sock.sendall(chat())
        node.until(lambda told: told.loads == 1)
    told = node.until(lambda told: told.cancelled == 1)
    assert (told.loaded, told.loads_aborted) == ((), 1)
    node.set(load=0)
    assert whole(node, chat()).ended_whole


def test_memory_is_bounded_and_the_oldest_idle_model_leaves(node: FakeNode) -> None:
    node.set(max_loaded=1)
    whole(node, chat())
    whole(node, post("/api/embed", {"model": "all-minilm", "input": "x"}))
    told = node.counters()
    assert (told.loaded, told.evictions) == (("all-minilm:latest",), 1)


def test_a_model_leaves_memory_after_its_time(node: FakeNode) -> None:
    node.set(keep_alive=0.1)
    whole(node, chat())
    assert node.counters().loaded == (MODEL,)
    node.until(lambda told: told.loaded == ())


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_is_heard_at_once(node: FakeNode, stream: bool) -> None:
    node.set(ttft=0 if stream else 20, rate=20)
    with connected(node) as sock:
        sock.sendall(chat(stream=stream))
        node.until(lambda told: told.in_flight == 1)
        left = time.monotonic()
    told = node.until(lambda told: told.cancelled == 1)
    assert told.in_flight == 0
    (seen,) = told.log
    assert seen.outcome == "cancelled"
    assert 0 <= (seen.ended or 0) - left < 5


def test_a_deaf_node_keeps_its_slot_to_the_end(node: FakeNode) -> None:
    node.set(hears_cancel=False, ttft=0.3)
    with connected(node) as sock:
        sock.sendall(chat(stream=False))
        node.until(lambda told: told.in_flight == 1)
    assert node.counters().in_flight == 1
    told = node.until(lambda told: told.in_flight == 0)
    assert told.tokens == 24


def test_a_slow_reader_holds_the_node_back(node: FakeNode) -> None:
    node.set(answer_tokens=3000, pad=10_000)
    with connected(node) as sock:
        sock.sendall(chat())
        node.until(lambda told: told.tokens > 10)
        before = node.until(lambda told: told.bytes_out == node.counters().bytes_out)
        assert before.bytes_out < 29_000_000
        assert before.in_flight == 1


def test_records_leave_together_or_in_slices(node: FakeNode) -> None:
    node.set(batch=8)
    heard = whole(node, chat())
    sizes = heard.data.count(b"\r\n{")
    assert (sizes, len(heard.lines)) == (4, 25)
    node.set(batch=1, slice=7)
    with connected(node) as sock:
        sock.sendall(chat())
        first = sock.recv(65536)
        # Whoever reads late finds several slices together.
        assert len(first) % 7 == 0
        assert len(first) < len(heard.data)
        rest = listen(sock, 0, until=b"0\r\n\r\n").data
    assert Heard(first + rest, "fin", 0).text == heard.text


def test_connections_are_closed_after_answers_when_idle_or_when_reused(node: FakeNode) -> None:
    node.set(close_after=True)
    heard = hear(node, chat())
    assert (heard.end, heard.ended_whole) == ("fin", True)
    assert b"Connection: close" in heard.head
    node.set(close_after=False, idle_close=0.1)
    assert hear(node, chat(), 2).end == "fin"
    node.set(idle_close=0, drop_reused=True)
    with connected(node, 0.2) as sock:
        sock.sendall(get("/"))
        assert listen(sock, 0, until=b"running").status == 200
        sock.sendall(get("/"))
        heard = listen(sock, 0)
        assert (heard.data, heard.end) == (b"", "fin")


def test_bad_requests_are_refused_in_words(node: FakeNode) -> None:
    assert whole(node, post("/api/chat", {})).status == 400
    assert whole(node, get("/api/chat")).status == 405
    assert whole(node, post("/api/nothing", {})).status == 404
    broken = b"POST /api/chat HTTP/1.1\r\nContent-Length: 3\r\n\r\n{{{"
    assert whole(node, broken).status == 400
    assert hear(node, get("/", "HEAD"), until=b"\r\n\r\n").body == b""


def test_a_chunked_request_is_read(node: FakeNode) -> None:
    head, _, body = chat().partition(b"\r\n\r\n")
    parts = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:10], body[10:]))
    rows = [row for row in head.split(b"\r\n") if not row.startswith(b"Content-Length")]
    request = b"\r\n".join([*rows, b"Transfer-Encoding: chunked"]) + b"\r\n\r\n" + parts + b"0\r\n\r\n"
    assert whole(node, request).ended_whole
