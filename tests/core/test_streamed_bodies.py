"""A path whose bodies are passed on: of any size, with time for each piece, and for a receiver that is slow itself."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from tests.backend.running import applications
from tests.core.serving import SMALL, caller, rest

STREAMED = replace(SMALL, streamed=("/blobs/",))
PIECE = b"x" * 50_000


async def size(request: Request) -> Response:
    found = 0
    async for piece in request.stream():
        found += len(piece)
    return PlainTextResponse(str(found))


async def slow(request: Request) -> Response:
    await asyncio.sleep(SMALL.body_seconds * 1.7)
    return await size(request)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    doors = {"/blobs/fast": size, "/blobs/slow": slow, "/other": size}
    app = Starlette(routes=[Route(path, door, methods=["POST"]) for path, door in doors.items()])
    with applications() as served:
        yield int(served.start(app, limits=STREAMED).rpartition(":")[2])


def head(path: str, length: int) -> bytes:
    rows = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    return rows.encode()


def test_its_body_may_be_larger_and_take_longer_than_others(port: int) -> None:
    with caller(port) as sock:
        sock.sendall(head("/blobs/fast", len(PIECE) * 5))
        for _ in range(5):
            time.sleep(SMALL.body_seconds / 3)
            sock.sendall(PIECE)
        answer, _ = rest(sock)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"250000")


def test_one_that_does_not_go_on_is_closed(port: int) -> None:
    with caller(port) as sock:
        sock.sendall(head("/blobs/fast", len(PIECE) * 5) + PIECE)
        answer, took = rest(sock)
    assert answer.startswith(b"HTTP/1.1 408")
    assert took < SMALL.body_seconds + 2


def test_a_receiver_that_takes_its_time_is_no_fault_of_the_sender(port: int) -> None:
    with caller(port) as sock:
        sock.sendall(head("/blobs/slow", len(PIECE) * 5) + PIECE * 5)
        answer, took = rest(sock)
    assert answer.endswith(b"250000"), answer
    assert took > SMALL.body_seconds


def test_time_begins_when_the_receiver_reads_on(port: int) -> None:
    with caller(port) as sock:
        sock.sendall(head("/blobs/slow", len(PIECE) * 5) + PIECE * 2)
        # The receiver has just begun to read when the second term since the first pieces would end.
        time.sleep(SMALL.body_seconds * 2.2)
        sock.sendall(PIECE * 3)
        answer, _ = rest(sock)
    assert answer.endswith(b"250000"), answer


@pytest.mark.parametrize("path", ["/other", "/blobsx", "/x/blobs/fast", "//blobs/fast"])
def test_other_paths_keep_their_cap(port: int, path: str) -> None:
    with caller(port) as sock:
        sock.sendall(head(path, len(PIECE) * 5))
        answer, _ = rest(sock)
    assert answer.startswith(b"HTTP/1.1 413")
