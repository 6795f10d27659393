"""What passes through a machine's door, both ways, and what each side learns when the other goes."""

import asyncio
import time
from pathlib import Path

from tests.node_agent.door.place import (
    CHAT,
    HOST,
    Inner,
    Place,
    echo,
    hear,
    hear_the_end,
    leave,
    request,
    says,
    tell,
    until,
)

LEFT_SECONDS = 0.25
"""Within which the engine hears that nobody waits any more."""
ENDLESS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


async def silent(inner: Inner, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Takes a request and does not answer, until nobody waits any more."""
    await inner.read(reader)
    await reader.read()


async def streaming(inner: Inner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Writes a chunk each 10 ms until nobody waits any more."""
    await inner.read(reader)
    writer.write(ENDLESS)
    gone = asyncio.create_task(reader.read())
    while not gone.done():
        writer.write(b"1\r\nx\r\n")
        await asyncio.sleep(0.01)
    await gone


async def swallowing(inner: Inner, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Takes a body of any length, and answers nothing."""
    inner.requests.append(await reader.readuntil(b"\r\n\r\n"))
    while await reader.read(65_536):
        pass


def test_answers_pass_as_they_came(tmp_path: Path) -> None:
    answers = (
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-odd:  kept \r\n\r\n{}",
        b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
        ENDLESS + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx",
        b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n" + ENDLESS + b"1\r\nx\r\n0\r\n\r\n",
    )

    async def story(place: Place) -> None:
        for answer in answers:
            place.engine.behave = says(answer)
            reader, writer = await place.connect()
            for _ in range(2):
                writer.write(CHAT)
                heard = b""
                async with asyncio.timeout(5):
                    heard = await reader.readexactly(len(answer))
                assert heard == answer
            await leave(writer)

    tell(tmp_path, story)


def test_answer_in_small_pieces_passes_piece_by_piece(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        place.engine.behave = streaming
        reader, writer = await place.connect()
        writer.write(CHAT)
        async with asyncio.timeout(3):
            assert await reader.readexactly(len(ENDLESS) + 5 * 6) == ENDLESS + b"1\r\nx\r\n" * 5
        await leave(writer)

    tell(tmp_path, story)


def test_answers_without_a_body_end_and_the_connection_serves_on(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        for raw, answer in (
            (request("/api/tags", method="HEAD"), b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n"),
            (request("/api/delete", method="DELETE", body=b"{}"), b"HTTP/1.1 204 No Content\r\n\r\n"),
            (request("/api/tags"), b"HTTP/1.1 304 Not Modified\r\n\r\n"),
        ):
            place.engine.behave, place.engine.connections = says(answer), 0
            reader, writer = await place.connect()
            for _ in range(3):
                writer.write(raw)
                async with asyncio.timeout(5):
                    assert await reader.readexactly(len(answer)) == answer
            assert place.engine.connections == 1, "one connection inwards served them all"
            await leave(writer)

    tell(tmp_path, story)


def test_answer_without_a_length_ends_with_its_connection(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        answer = await asyncio.to_thread(hear_the_end, place, CHAT)
        assert (answer.raw, answer.end) == (b"HTTP/1.1 200 OK\r\n\r\nall of it", "closed")

    tell(tmp_path, story, says(b"HTTP/1.1 200 OK\r\n\r\n", b"all of it", stay=False))


def test_engine_that_dies_in_mid_answer_does_not_look_like_an_end(tmp_path: Path) -> None:
    pieces = (
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
        ENDLESS + b"5\r\nab",
        b"HTTP/1.1 200 OK\r\ncontent-",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"",
    )

    async def story(place: Place) -> None:
        for piece in pieces:
            place.engine.behave = says(piece, stay=False)
            answer = await asyncio.to_thread(hear_the_end, place, CHAT)
            assert (answer.raw, answer.end) == (piece, "cut")

    tell(tmp_path, story)


def test_engine_that_answers_rubbish_is_cut(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        for rubbish in (
            b"220 smtp.example ESMTP\r\n",
            ENDLESS + b"zz\r\n",
            b"HTTP/1.1 200 OK\r\nbad\x00header\r\n\r\n",
        ):
            place.engine.behave = says(rubbish)
            answer = await asyncio.to_thread(hear_the_end, place, CHAT)
            assert answer.end == "cut", answer
        await until(lambda: place.engine.open == 0)

    tell(tmp_path, story)


def test_engine_that_is_away_is_told_and_the_next_caller_is_served(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        at = place.engine_at[0]
        for away in (None, (HOST, 1)):
            place.engine_at[0] = away
            answer = await place.ask(CHAT)
            assert (answer.status, b"engine_away" in answer.body) == (503, True)
        place.engine_at[0] = at
        assert (await place.ask(CHAT)).status == 200

    tell(tmp_path, story)


def test_kept_connection_follows_an_engine_that_moves(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        other = Inner(echo)
        server = await asyncio.start_server(other.serve, HOST, 0)
        async with server:
            reader, writer = await place.connect()
            for _ in range(2):
                writer.write(CHAT)
                assert (await hear(reader)).status == 200
            place.engine_at[0] = (HOST, server.sockets[0].getsockname()[1])
            for _ in range(2):
                writer.write(CHAT)
                assert (await hear(reader)).status == 200
            assert (len(place.engine.requests), len(other.requests)) == (2, 2)
            await until(lambda: place.engine.open == 0, what="the old connection inwards is gone")
            writer.write(request("/-/stats"))
            assert (await hear(reader)).status == 200
            assert len(place.agent.requests) == 1
            await leave(writer)
            await until(lambda: other.open == 0 and place.agent.open == 0)

    tell(tmp_path, story)


def test_engine_that_closes_between_requests_costs_none(tmp_path: Path) -> None:
    async def story(place: Place) -> None:
        reader, writer = await place.connect()
        for number in range(3):
            writer.write(CHAT)
            assert (await hear(reader)).status == 200
            await until(lambda: place.engine.open == 0)
            assert place.engine.connections == number + 1
        await leave(writer)

    async def once(inner: Inner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await inner.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    tell(tmp_path, story, once)


def test_caller_who_leaves_ends_the_work_inside(tmp_path: Path) -> None:
    chunk = b"POST /api/blobs/sha256:0a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000

    async def story(place: Place) -> None:
        for behave, raw in ((silent, CHAT), (streaming, CHAT), (swallowing, chunk)):
            for politely in (False, True):
                place.engine.behave = behave
                place.engine.requests.clear()
                reader, writer = await place.connect()
                writer.write(raw)
                await until(lambda: bool(place.engine.requests))
                if behave is streaming:
                    await reader.readexactly(len(ENDLESS) + 30)
                left = time.monotonic()
                if politely:
                    writer.close()
                else:
                    writer.transport.abort()
                await until(lambda: place.engine.open == 0, what="the engine hears that nobody waits")
                assert place.engine.lost_at[-1] - left < LEFT_SECONDS, (behave, politely)
                await leave(writer)

    tell(tmp_path, story)


def test_answer_before_the_whole_request_is_heard(tmp_path: Path) -> None:
    async def early(inner: Inner, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner.requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        await reader.read()

    async def story(place: Place) -> None:
        reader, writer = await place.connect()
        writer.write(b"POST /api/blobs/sha256:0a HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
        answer = await hear(reader)
        assert answer.status == 413
        assert (await hear(reader)).end in {"closed", "cut"}
        await leave(writer)

    tell(tmp_path, story, early)
