"""Answers that end before their end, or are none: an error each time, and never a whole answer that is not."""

import asyncio
import contextlib
from collections.abc import Iterator

import pytest

from cluster_ai.gateway.wire.client import Wire, WireError, open_wire
from cluster_ai.gateway.wire.connection import HEAD_LIMIT
from cluster_ai.gateway.wire.errors import CutOff, NoAnswer, NotHttp, TooLong
from tests.chaos.fault_proxy import Faults, Threaded, in_thread
from tests.fakes.fleet import Fleet
from tests.gateway.wire.scripted import ANSWERS, BODY, HEADERS, Line, Talk, script, whole

pytestmark = [pytest.mark.real, pytest.mark.anyio]
FRAMED = ("length", "chunked", "interim")


def cut_at(answer: bytes, how: str) -> Talk:
    """A connection for each byte: the first is cut behind none of them, the next behind one."""

    async def talk(line: Line) -> None:
        await line.request()
        await line.say(answer[: line.number - 1])
        # So that the bytes have been read when a reset throws away what was not.
        await asyncio.sleep(0.003)
        line.end(how)

    return talk


async def heard(wire: Wire, url: str, body: bytearray) -> None:
    """Adds what comes to ``body``, until the end or the error."""
    response = await wire.post(url, b"{}", HEADERS)
    with contextlib.closing(response):
        while chunk := await response.read_some():
            body += chunk


@pytest.mark.parametrize("how", ["fin", "rst"])
@pytest.mark.parametrize("framing", FRAMED)
async def test_answer_cut_at_any_byte_is_an_error(framing: str, how: str) -> None:
    answer = ANSWERS[framing]
    head = answer.index(b"\r\n\r\n", answer.index(b"200 OK")) + 4
    async with script(cut_at(answer, how)) as node, open_wire(connect_seconds=1) as wire:
        for sent in range(len(answer)):
            body = bytearray()
            with pytest.raises(CutOff if sent else NoAnswer):
                await heard(wire, node.url, body)
            assert sent >= head or not body, "nothing is there before a whole head"
            assert BODY.startswith(body)
            if framing != "chunked":
                assert len(body) == max(0, sent - head), "what came is read before the error is told"
        assert (await whole(wire, node.url))[1] == BODY
        assert node.connections == len(answer) + 1, "a fresh connection is never tried again"


@pytest.mark.parametrize("framing", ["until close", "old"])
async def test_answer_that_ends_with_its_connection_is_short_after_a_reset_only(framing: str) -> None:
    async def talk(line: Line) -> None:
        await line.request()
        await line.say(ANSWERS[framing])
        await asyncio.sleep(0.02)
        line.end("fin" if line.number == 1 else "rst")

    async with script(talk) as node, open_wire(connect_seconds=1) as wire:
        assert (await whole(wire, node.url))[1] == BODY
        with pytest.raises(CutOff):
            await whole(wire, node.url)


def garbage() -> Iterator[tuple[str, bytes]]:
    ok = b"HTTP/1.1 200 OK\r\n"
    chunked = ok + b"Transfer-Encoding: chunked\r\n\r\n"
    yield "another protocol", b"SSH-2.0-OpenSSH_9.6\r\n"
    yield "nothing known", bytes(range(256)) * 4
    yield "half a status", b"HTTP/1.1 20\r\n\r\n"
    yield "switches", b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello"
    yield "two lengths", ok + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc"
    yield "length and chunks", ok + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
    yield "length below zero", ok + b"Content-Length: -2\r\n\r\nabc"
    yield "no chunk", chunked + b"zz\r\nab\r\n0\r\n\r\n"
    yield "chunk longer than told", chunked + b"1\r\nabcdef\r\n0\r\n\r\n"
    yield "endless header", ok + b"X-Long: " + b"x" * (8 * HEAD_LIMIT)
    yield "endless headers", ok + b"X-One: 1\r\n" * HEAD_LIMIT
    yield "endless trailers", chunked + b"1\r\na\r\n0\r\n" + b"X-One: 1\r\n" * HEAD_LIMIT
    yield "endless extension", chunked + b"1;" + b"x" * (8 * HEAD_LIMIT)
    yield "endless preludes", b"HTTP/1.1 102 Processing\r\n\r\n" * HEAD_LIMIT


@pytest.mark.parametrize("said", [pytest.param(said, id=name) for name, said in garbage()])
async def test_what_is_no_answer_is_refused_and_its_connection_cut(said: bytes) -> None:
    async def talk(line: Line) -> None:
        await line.request()
        await line.say(said)
        await line.left()

    async with script(talk) as node, open_wire(connect_seconds=1) as wire:
        for _ in range(2):
            with pytest.raises(NotHttp) as caught:
                await whole(wire, node.url)
            assert str(caught.value)
        assert node.connections == 2


async def test_reader_says_how_much_it_takes() -> None:
    async with script(lambda line: line.answer(ANSWERS["length"])) as node, open_wire(connect_seconds=1) as wire:
        response = await wire.post(node.url, b"{}", HEADERS)
        with contextlib.closing(response), pytest.raises(TooLong):
            await response.read(3)


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with Fleet(1, answer_tokens=6) as fleet:
        yield fleet


@pytest.fixture
def cable(fleet: Fleet) -> Iterator[Threaded]:
    fleet.default()
    with in_thread(fleet.nodes[0].port) as started:
        yield started


CHAT = b'{"model": "smollm2:135m", "messages": [{"role": "user", "content": "hi"}]}'


@pytest.mark.parametrize("how", ["fin", "rst"])
async def test_kept_connection_whose_cable_is_cut_never_gives_half_an_answer(cable: Threaded, how: str) -> None:
    url = f"{cable.proxy.url}/api/chat"
    async with open_wire(connect_seconds=1) as wire:
        _, first = await whole(wire, url, CHAT)
        outcomes = set()
        for cut in range(1, 2 * len(first) + 400, 61):
            cable.proxy.cuts["down"] = 0
            cable.proxy.down = Faults(cut_after=cut, how=how, times=1)
            try:
                _, body = await whole(wire, url, CHAT)
            except WireError:
                outcomes.add("error")
            else:
                assert body.endswith(b"}\n")
                assert body.count(b"\n") == first.count(b"\n")
                outcomes.add("whole")
        assert outcomes == {"error", "whole"}


async def test_slow_and_torn_line_carries_every_byte(cable: Threaded) -> None:
    cable.proxy.down = Faults(latency=0.002, jitter=0.002, slice=7)
    async with open_wire(connect_seconds=1) as wire:
        for _ in range(3):
            _, body = await whole(wire, f"{cable.proxy.url}/api/chat", CHAT)
            assert b'"done":true' in body.splitlines()[-1].replace(b" ", b"")
