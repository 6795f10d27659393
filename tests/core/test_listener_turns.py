"""One connection, several requests: each answer in its turn, an end to every wait, and nothing written in between."""

import asyncio
import gc
import select
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from cluster_ai.core.asgi.guard import GuardedProtocol
from tests.backend.running import applications
from tests.core.serving import SMALL, caller, rest
from tests.waiting import until

IDLE = 0.5
QUICK = replace(SMALL, idle_seconds=IDLE)
STREAM_SECONDS = SMALL.body_seconds * 2
SLOW = b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n"
BODY = b"y" * 40
HANDSHAKE = (
    b"GET /whole HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def early(_request: Request) -> Response:
    return PlainTextResponse("early")


async def whole(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def slow(_request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"piece"
            await asyncio.sleep(STREAM_SECONDS / 10)
        yield b"last"

    return StreamingResponse(pieces())


def app() -> Starlette:
    doors = {"/early": early, "/whole": whole, "/slow": slow}
    return Starlette(routes=[Route(path, door, methods=["GET", "POST"]) for path, door in doors.items()])


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with applications() as served:
        yield int(served.start(app(), limits=QUICK).rpartition(":")[2])


def post(path: str, *more: str) -> bytes:
    rows = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(BODY)}", *more]
    return "\r\n".join([*rows, "", ""]).encode()


def seen(sock: socket.socket, mark: bytes) -> bytes:
    found = b""
    while mark not in found:
        found += (part := sock.recv(4096))
        assert part, found
    return found


def test_a_connection_that_was_answered_before_its_body_came_is_closed_when_idle(port: int) -> None:
    with caller(port) as sock:
        sock.sendall(post("/early"))
        seen(sock, b"early")
        sock.sendall(BODY)
        more, took = rest(sock)
    assert more == b""
    assert took < IDLE + 2


def test_who_was_answered_and_never_sends_the_body_is_told_nothing_more(port: int) -> None:
    with caller(port) as sock:
        sock.sendall(post("/early") + BODY[:10])
        seen(sock, b"early")
        sock.sendall(BODY[:10])
        more, took = rest(sock)
    assert more == b""
    assert took < SMALL.body_seconds + IDLE + 2


def test_a_body_that_waits_its_turn_is_not_late_and_has_its_own_time_then(port: int) -> None:
    with caller(port) as sock:
        sock.sendall(SLOW + post("/whole", "Connection: close"))
        first = seen(sock, b"last\r\n0\r\n\r\n")
        sock.sendall(BODY)
        second, _ = rest(sock)
    assert first.count(b"HTTP/1.1 ") == 1
    assert second.startswith(b"HTTP/1.1 200")
    assert second.endswith(str(len(BODY)).encode())


def test_a_body_that_does_not_come_when_its_turn_is_there_is_late(port: int) -> None:
    with caller(port) as sock:
        sock.sendall(SLOW + post("/whole"))
        seen(sock, b"last\r\n0\r\n\r\n")
        second, took = rest(sock)
    assert second.startswith(b"HTTP/1.1 408")
    assert took < SMALL.body_seconds + 2


@pytest.mark.parametrize(
    "wrong",
    [
        b"nonsense\r\n\r\n",
        b"GET /whole HTTP/1.1\r\n\r\n",
        b"GET /" + b"y" * 40_000,
        post("/whole") + b"x" * 40 + b"\0",
        HANDSHAKE,
    ],
    ids=["no HTTP", "no host", "large head", "behind another", "handshake"],
)
def test_a_wrong_request_does_not_spoil_the_answer_before_it(port: int, wrong: bytes) -> None:
    with caller(port) as sock:
        sock.sendall(SLOW)
        start = seen(sock, b"piece")
        sock.sendall(wrong)
        more, _ = rest(sock)
    assert (start + more).count(b"HTTP/1.1 ") == 1
    assert more.endswith(b"last\r\n0\r\n\r\n")


def test_a_stop_puts_nothing_into_an_answer_for_the_sake_of_the_next() -> None:
    with applications() as served:
        port = int(served.start(app(), limits=replace(QUICK, body_seconds=30)).rpartition(":")[2])
        with caller(port) as sock:
            sock.sendall(SLOW + post("/whole"))
            start = seen(sock, b"piece")
            served.stop()
            more, _ = rest(sock)
    assert (start + more).count(b"HTTP/1.1 ") == 1


CLOSED = {
    "whole": post("/whole") + BODY,
    "half": post("/whole"),
    "stream": SLOW,
    "two": SLOW + post("/whole"),
    "wrong": SLOW + b"nonsense\r\n\r\n",
    "nothing": b"",
    "handshake": HANDSHAKE,
    "second handshake": post("/whole") + BODY + HANDSHAKE,
}


@pytest.mark.parametrize("sent", CLOSED.values(), ids=CLOSED)
def test_a_closed_connection_leaves_nothing_to_the_collector(port: int, sent: bytes) -> None:
    gc.collect()
    gc.disable()
    try:
        with caller(port) as sock:
            sock.sendall(sent)
            # One that was handed over for a handshake is freed at once, and answered.
            until(lambda: _alive() or select.select([sock], [], [], 0)[0], seconds=10, what="it was taken")
            time.sleep(0.05)
        until(lambda: not _alive(), seconds=10, what="it is freed")
    finally:
        gc.enable()


def _alive() -> int:
    return sum(isinstance(found, GuardedProtocol) for found in gc.get_objects())
