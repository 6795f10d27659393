"""A client who leaves frees its slot; who comes when all is full hears so at once."""

import contextlib
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

import pytest

from tests.engines.running import CHAT, ENDLESS, PARIS, Answer, RunningNode, node
from tests.waiting import until

pytestmark = pytest.mark.real

LONG_PROMPT = {"model": CHAT, "messages": [{"role": "user", "content": "one two three four five " * 300}]}


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    """Two slots and two places to wait."""
    with node(tmp_path_factory.mktemp("narrow"), slots=2, queue=2) as started:
        yield started


@pytest.fixture(autouse=True)
def idle(narrow: RunningNode) -> Iterator[None]:
    yield
    until(lambda: not narrow.working(), seconds=5, what="the node is idle again")


def test_leaving_a_stream_frees_the_slot(narrow: RunningNode) -> None:
    with narrow.reading(), narrow.reading():
        until(narrow.working, seconds=5, what="they write")
    left = time.monotonic()
    answer = narrow.ask("/api/chat", PARIS | {"options": {"num_predict": 1}, "stream": False})
    assert answer.status == 200
    # Both slots were taken: an answer this soon means that one of them was given back.
    assert time.monotonic() - left < 10
    until(lambda: not narrow.working(), seconds=2, what="nobody writes any more")


@pytest.mark.parametrize("stream", [True, False])
def test_leaving_before_the_first_word(narrow: RunningNode, stream: bool) -> None:
    narrow.ask("/api/generate", {"model": CHAT})
    peer = narrow.send(LONG_PROMPT | {"stream": stream})
    until(narrow.working, seconds=5, what="the prompt is being read")
    peer.close()
    until(lambda: not narrow.working(), seconds=2, what="reading stopped")


def test_leaving_an_answer_in_one_piece(narrow: RunningNode) -> None:
    narrow.ask("/api/generate", {"model": CHAT})
    peer = narrow.send(ENDLESS | {"stream": False})
    until(narrow.working, seconds=5, what="it writes")
    time.sleep(0.5)
    peer.close()
    until(lambda: not narrow.working(), seconds=2, what="writing stopped")


def test_full_queue_is_told_at_once(narrow: RunningNode) -> None:
    with narrow.reading(), narrow.reading():
        waiting = [narrow.send(ENDLESS) for _ in range(2)]
        try:
            # The two are taken in as soon as the listener reads them; from then on there is no room.
            answer = until(lambda: _refused(narrow), seconds=5, what="a refusal")
            began = time.monotonic()
            assert _refused(narrow)
            assert time.monotonic() - began < 5
        finally:
            for peer in waiting:
                peer.close()
    assert answer.json == {"error": "server busy, please try again.  maximum pending requests exceeded"}
    assert int(answer.headers["retry-after"]) >= 1

    def let_in() -> Answer | None:
        said = narrow.ask("/api/chat", PARIS | {"stream": False})
        return said if said.status == 200 else None

    assert "Paris" in until(let_in, seconds=2, what="room again").json["message"]["content"]


def _refused(narrow: RunningNode) -> Answer | None:
    """The refusal; None when the request was let in, which is then left again."""
    with narrow.send(PARIS | {"stream": False}) as peer:
        peer.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            if b" 503 " in peer.recv(4096):
                return narrow.ask("/api/chat", PARIS)
    return None


def test_leaving_the_queue_makes_room(narrow: RunningNode) -> None:
    with ThreadPoolExecutor(1) as pool, narrow.reading(), narrow.reading():
        for _ in range(6):
            narrow.send(ENDLESS).close()

        def waits() -> Future[Answer] | None:
            last = pool.submit(narrow.ask, "/api/chat", PARIS | {"stream": False})
            done, _ = wait([last], timeout=0.3)
            return None if done else last

        asked = until(waits, seconds=3, what="the places of those who left are free")
    assert "Paris" in asked.result(timeout=20).json["message"]["content"]


def test_more_clients_than_slots_are_all_answered(served: RunningNode) -> None:
    body = PARIS | {"options": {"temperature": 0, "num_predict": 12}}
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: served.ask("/api/chat", body), range(12)))
    assert all(answer.lines[-1]["done"] for answer in answers)
    assert all("Paris" in "".join(line["message"]["content"] for line in answer.lines) for answer in answers)


def test_slow_reader_does_not_hold_the_others_up(served: RunningNode) -> None:
    peer = served.send(ENDLESS)
    try:
        peer.recv(1000)
        began = time.monotonic()
        answer = served.ask("/api/chat", PARIS | {"stream": False})
        assert "Paris" in answer.json["message"]["content"]
        assert time.monotonic() - began < 10
    finally:
        peer.close()
    until(lambda: not served.working(), seconds=2, what="idle")
