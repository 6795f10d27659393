"""Requests as they leave and answers as they come, in every framing that HTTP/1 has."""

import contextlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.gateway.wire.client import open_wire
from cluster_ai.gateway.wire.connection import Connection
from tests.gateway.wire.scripted import ANSWERS, BODY, HEADERS, Line, script, whole

pytestmark = [pytest.mark.real, pytest.mark.anyio]
ENDLESS = {"until close", "old"}


@pytest.mark.parametrize("framing", ANSWERS)
async def test_every_framing_is_read_to_its_end(framing: str) -> None:
    async def talk(line: Line) -> None:
        await line.request()
        await line.say(ANSWERS[framing])
        if framing not in ENDLESS:
            await line.left()

    async with script(talk) as node, open_wire(connect_seconds=1) as wire:
        response, body = await whole(wire, node.url)
        assert (response.status, body, response.at_end) == (200, BODY, True)
        assert "x-early" not in response.headers
        assert "x-trailer" not in response.headers
        assert await response.read_some() == b"", "an end stays an end"


async def test_bytes_are_there_as_they_come() -> None:
    async def talk(line: Line) -> None:
        await line.request()
        await line.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        await line.say(b"3\r\none\r\n")
        await line.left()

    async with script(talk) as node, open_wire(connect_seconds=1) as wire:
        response = await wire.post(node.url, b"{}", HEADERS)
        with contextlib.closing(response):
            assert await response.read_some() == b"one"
            assert not response.at_end


async def test_request_is_one_plain_message() -> None:
    seen = []

    async def talk(line: Line) -> None:
        seen.append(await line.request())
        await line.say(ANSWERS["closed"])

    async with script(talk) as node, open_wire(connect_seconds=1) as wire:
        url = node.url.replace("http://", "http://me:p%40ss@") + "?x=1"
        await whole(wire, url, b"[1]")
    head, _, body = seen[0].partition(b"\r\n\r\n")
    port = node.url.split(":")[2].split("/")[0]
    assert body == b"[1]"
    assert head.decode().split("\r\n") == [
        "POST /api/chat?x=1 HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Authorization: Basic bWU6cEBzcw==",
        "Accept-Encoding: identity",
        "Content-Type: application/json",
        "Content-Length: 3",
    ]


async def test_large_request_arrives_whole() -> None:
    seen = []

    async def talk(line: Line) -> None:
        seen.append(len(await line.request()))
        await line.say(ANSWERS["length"])

    async with script(talk) as node, open_wire(connect_seconds=1) as wire:
        await whole(wire, node.url, b"x" * 20_000_000)
    assert 20_000_000 < seen[0] < 20_000_300


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb"])
async def test_header_of_two_lines_is_not_sent(value: str) -> None:
    async with open_wire(connect_seconds=1) as wire:
        with pytest.raises(ValueError, match="more than one line"):
            await wire.post("http://127.0.0.1:1/", b"", {"X-One": value})


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "http:///x", "127.0.0.1:80"])
async def test_what_is_no_url_of_a_server_is_refused(url: str) -> None:
    async with open_wire(connect_seconds=1) as wire:
        with pytest.raises(ValueError, match="no http or https URL"):
            await wire.post(url, b"", {})


async def test_first_of_two_headers_counts() -> None:
    answer = b"HTTP/1.1 404 No\r\nX-Two: a\r\nx-two: b\r\nContent-Length: 0\r\n\r\n"
    async with script(lambda line: line.answer(answer)) as node, open_wire(connect_seconds=1) as wire:
        response, body = await whole(wire, node.url)
        assert (response.status, response.headers["x-two"], body) == (404, "a", b"")


async def test_answer_without_a_body_has_none() -> None:
    answer = b"HTTP/1.1 204 No Content\r\n\r\n"
    async with script(lambda line: line.answer(answer)) as node, open_wire(connect_seconds=1) as wire:
        assert [(await whole(wire, node.url))[1] for _ in range(3)] == [b"", b"", b""]
        assert node.connections == 1


class Recorder:
    """What a connection does to its transport."""

    def __init__(self) -> None:
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written = data

    def is_closing(self) -> bool:
        return self.closed

    def abort(self) -> None:
        self.closed = True


def fed(answer: bytes, cuts: list[int], *, ended: bool) -> tuple[int, bytes, bool]:
    """Status, body and whether it is complete, of an answer that comes in pieces."""
    edges = sorted({0, *(cut % len(answer) for cut in cuts), len(answer)})
    connection = Connection(lambda _: None, lambda _: None)
    connection.connection_made(Recorder())
    response = connection.send(b"", b"")
    for start, stop in pairwise(edges):
        connection.data_received(answer[start:stop])
    if ended:
        connection.connection_lost(None)
    return response.status, b"".join(response._chunks), response.is_complete


@given(st.sampled_from(sorted(ANSWERS)), st.lists(st.integers(0, 10_000), max_size=40))
def test_pieces_do_not_matter(framing: str, cuts: list[int]) -> None:
    assert fed(ANSWERS[framing], cuts, ended=framing in ENDLESS) == (200, BODY, True)


@given(st.sampled_from(sorted(set(ANSWERS) - ENDLESS)), st.integers(1, 10_000), st.lists(st.integers(0, 500)))
def test_what_is_short_is_never_complete(framing: str, missing: int, cuts: list[int]) -> None:
    answer = ANSWERS[framing]
    short = answer[: -(missing % (len(answer) - 1) + 1)]
    status, body, complete = fed(short, cuts, ended=True)
    assert not complete
    assert status in {0, 200}
    assert BODY.startswith(body)
