"""What comes behind a head: trailers, pieces, and an end that comes late or never."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.backend.running import applications
from tests.core.serving import SMALL, caller, rest

CHUNKED = b"POST /told HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
PLENTY = b"y" * (SMALL.header_bytes * 40)


async def told(request: Request) -> Response:
    """What an application sees once the body is in."""
    size = len(await request.body())
    return JSONResponse({"size": size, "headers": sorted(name for name, _ in request.headers.items())})


async def stream(_request: Request) -> Response:
    return StreamingResponse(iter([b"one", b"", b"two"]))


async def wrong(_request: Request) -> Response:
    raise LookupError


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with applications() as served:
        app = Starlette(routes=[Route("/told", told, methods=["POST"]), Route("/stream", stream), Route("/500", wrong)])
        yield int(served.start(app, limits=SMALL).rpartition(":")[2])


def asked(port: int, sent: bytes) -> bytes:
    with caller(port) as sock:
        # It may hang up before the end of that: what some of the tests want.
        with contextlib.suppress(OSError):
            sock.sendall(sent)
        return rest(sock)[0]


def said(answer: bytes) -> Any:
    assert answer.startswith(b"HTTP/1.1 200"), answer
    return json.loads(answer.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("trailer", [b"X-Extra: 1", b"Authorization: Bearer x", b"Host: elsewhere"])
def test_a_trailer_is_no_header(port: int, trailer: bytes) -> None:
    seen = said(asked(port, CHUNKED + b"4\r\nbody\r\n0\r\n" + trailer + b"\r\n\r\n"))
    assert seen == {"size": 4, "headers": ["connection", "host", "transfer-encoding"]}


@pytest.mark.parametrize(
    "endless",
    [b"0\r\nX-Extra: " + PLENTY, b"0\r\n" + b"X-Extra: 1\r\n" * 100_000, b"4;" + PLENTY],
    ids=["trailer", "trailers", "of a chunk"],
)
def test_what_is_no_body_has_an_end(port: int, endless: bytes) -> None:
    answer = asked(port, CHUNKED + endless)
    assert not answer or answer.startswith(b"HTTP/1.1 431"), answer


def test_many_small_pieces_are_a_body_like_any_other(port: int) -> None:
    answer = asked(port, CHUNKED + b"1;name=value\r\nx\r\n" * 20_000 + b"0\r\n\r\n")
    assert said(answer)["size"] == 20_000


@pytest.mark.parametrize("coding", [b"gzip, chunked", b"gzip,chunked", b"chunked;x=y, chunked"])
def test_a_coding_that_nobody_undoes_is_refused(port: int, coding: bytes) -> None:
    sent = CHUNKED.replace(b": chunked", b": " + coding) + b"4\r\nbody\r\n0\r\n\r\n"
    answer = asked(port, sent)
    assert answer.startswith((b"HTTP/1.1 501", b"HTTP/1.1 400")), answer
    assert answer.count(b"HTTP/1.1") == 1


def test_the_one_coding_may_be_written_in_any_case(port: int) -> None:
    assert said(asked(port, CHUNKED.replace(b": chunked", b": Chunked ") + b"4\r\nbody\r\n0\r\n\r\n"))["size"] == 4


def test_http_1_0_sends_no_chunks(port: int) -> None:
    answer = asked(port, CHUNKED.replace(b"/1.1", b"/1.0") + b"4\r\nbody\r\n0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400"), answer


def asked_by_old(port: int, path: str, method: str = "GET") -> tuple[bytes, bytes]:
    head, _, body = asked(port, f"{method} {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode()).partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    return head, body


def test_http_1_0_gets_no_chunks(port: int) -> None:
    head, body = asked_by_old(port, "/stream")
    assert head.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in head
    assert body == b"onetwo"


def test_http_1_0_gets_lengths_and_failures_as_others_do(port: int) -> None:
    assert asked_by_old(port, "/stream", "HEAD")[1] == b""
    head, body = asked_by_old(port, "/told")
    assert head.startswith(b"HTTP/1.1 405")
    assert f"content-length: {len(body)}".encode() in head
    assert asked_by_old(port, "/500")[0].startswith(b"HTTP/1.1 500")
