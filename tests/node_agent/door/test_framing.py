"""Requests that two readers could read differently: none gets through the door as something else than it was checked as."""

from pathlib import Path

import pytest

from tests.node_agent.door import place as made
from tests.node_agent.door.place import CHAT, Place, hear, leave, request, tell

POST = b"POST /api/chat HTTP/1.1\r\nHost: x\r\n"
HIDDEN = b"DELETE /api/delete HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
DOUBTFUL = {
    "length and coding": POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "coding and length": POST + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + HIDDEN,
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 60\r\n\r\n" + HIDDEN,
    "the same length twice": POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "two codings": POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" + HIDDEN,
    "another coding": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "unknown coding": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "coding with a tab": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "space before the colon": POST + b"Content-Length : 0\r\nX: y\r\n\r\n" + HIDDEN,
    "signed length": POST + b"Content-Length: +4\r\n\r\n" + HIDDEN,
    "negative length": POST + b"Content-Length: -1\r\n\r\n" + HIDDEN,
    "hexadecimal length": POST + b"Content-Length: 0x4\r\n\r\n" + HIDDEN,
    "length beyond all": POST + b"Content-Length: 99999999999999999999999\r\n\r\n" + HIDDEN,
    "list of lengths": POST + b"Content-Length: 0, 0\r\n\r\n" + HIDDEN,
    "bare line feeds": b"POST /api/chat HTTP/1.1\nHost: x\nContent-Length: 0\n\n" + HIDDEN,
    "NUL in a header": POST + b"X: a\0b\r\nContent-Length: 0\r\n\r\n" + HIDDEN,
    "return in a header": POST + b"X: a\rTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n" + HIDDEN,
    "no version": b"GET /api/tags\r\n\r\n" + HIDDEN,
    "another version": b"GET /api/tags HTTP/3.0\r\n\r\n" + HIDDEN,
    "two spaces": b"GET  /api/tags  HTTP/1.1\r\n\r\n" + HIDDEN,
    "rubbish": b"\x16\x03\x01\x02\x00" + HIDDEN,
    "preface of another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "chunk size of rubbish": POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + HIDDEN,
    "chunk longer than it says": POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabcd\r\n0\r\n\r\n" + HIDDEN,
    "chunk beyond all": POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n" + HIDDEN,
    "upgrade": b"GET /api/tags HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n" + HIDDEN,
}


def test_doubtful_requests_hide_nothing(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        for name, raw in DOUBTFUL.items():
            place.engine.requests.clear()
            answer = await place.ask(raw, seconds=1.0)
            assert not any(b"/api/delete" in head for head in place.engine.requests), name
            assert answer.status in {0, 400} or name in {"bare line feeds", "upgrade"}, (name, answer)
            assert answer.end != "silence", (name, answer)

    tell(tmp_path, story)


def test_second_request_before_the_first_is_answered_is_not_taken(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        answer = await place.ask(CHAT + HIDDEN, seconds=2.0)
        assert answer.end in {"cut", "closed", "open"}
        assert not any(b"/api/delete" in head for head in place.engine.requests)

    tell(tmp_path, story)


def test_request_within_a_body_stays_a_body(tmp_path: Path) -> None:
    chunked = POST + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\nX-Trailer: y\r\n\r\n" % (len(HIDDEN), HIDDEN)

    async def story(place: Place) -> None:
        for raw in (request("/api/chat", method="POST", body=HIDDEN), chunked):
            answer = await place.ask(raw)
            assert answer.status == 200
            assert place.engine.bodies[-1] == HIDDEN
        assert len(place.engine.requests) == 2
        assert all(b"POST /api/chat HTTP/1.1\r\n" in head for head in place.engine.requests)

    tell(tmp_path, story)


def test_folded_headers_and_odd_letters_come_through_as_one_line_or_not_at_all(tmp_path: Path) -> None:
    folded = (b"X-Fold: a\r\n DELETE /api/delete HTTP/1.1", b"X-Fold: a\r\n\tTransfer-Encoding: chunked")
    odd = (b"X-Odd: caf\xc3\xa9 \xff\xfe",)

    async def story(place: Place) -> None:
        for row in (*folded, *odd):
            place.engine.requests.clear()
            answer = await place.ask(request("/api/chat", method="POST", body=b"{}", rows=(row,)), seconds=1.0)
            assert answer.status in {200, 400}, answer
            for head in place.engine.requests:
                lines = head.split(b"\r\n")
                assert not any(line.startswith((b" ", b"\t", b"DELETE")) for line in lines), head
                assert b"\r" not in head.replace(b"\r\n", b"")
                assert b"\n" not in head.replace(b"\r\n", b"")
                assert not any(line.lower().startswith(b"transfer-encoding") for line in lines), head

    tell(tmp_path, story)


def test_large_head_passes_and_a_larger_one_does_not(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        answer = await place.ask(request("/api/tags", rows=(b"X-Large: " + b"x" * 10_000,)))
        assert answer.status == 200
        seen = len(place.engine.requests)
        for size in (40_000, 200_000):
            answer = await place.ask(request("/api/tags", rows=(b"X-Large: " + b"x" * size,)))
            assert answer.status in {0, 431}, answer
        many = tuple(b"X-%d: %b" % (number, b"y" * 90) for number in range(1000))
        assert (await place.ask(request("/api/tags", rows=many))).status in {0, 431}
        assert len(place.engine.requests) == seen

    tell(tmp_path, story)


def test_large_body_in_one_piece_with_its_head_is_no_large_head(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        reader, writer = await place.connect()
        for _ in range(2):
            writer.write(request("/api/chat", method="POST", body=b"x" * 300_000))
            answer = await hear(reader)
            assert answer.status == 200
        await leave(writer)

    tell(tmp_path, story)


def test_head_that_drips_is_cut_whatever_its_pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster_ai.node_agent.door.visitor.HEAD_SECONDS", 0.5)

    async def story(place: Place) -> None:
        for head in (b"GET /api/tags HTTP/1.1\r\nX: " + b"y" * 400, b"\r\n" * 200):
            reader, writer = await place.connect()
            dripping = made.drip(writer, head, pause=0.05)
            answer = await hear(reader, seconds=3.0)
            assert answer.end in {"cut", "closed"}, answer
            dripping.cancel()
            await leave(writer)

    tell(tmp_path, story)


def test_body_that_stops_is_cut_and_one_that_drips_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster_ai.node_agent.door.visitor.BODY_SECONDS", 0.5)

    async def story(place: Place) -> None:
        whole = request("/api/chat", method="POST", body=b"x" * 20)
        reader, writer = await place.connect()
        writer.write(whole[:-20])
        dripping = made.drip(writer, whole[-20:], pause=0.05)
        assert (await hear(reader)).status == 200
        await dripping
        await leave(writer)
        answer = await place.ask(whole[:-1], seconds=3.0)
        assert (answer.raw, answer.end in {"cut", "closed"}) == (b"", True)
        await made.until(lambda: place.engine.open == 0, what="the engine hears that nobody waits")

    tell(tmp_path, story)
