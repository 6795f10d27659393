"""A caller who leaves: the node knows at once, nothing is left, and a slow reader holds the node back, not memory."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from cluster_ai.gateway.wire.client import Response, WireError, open_wire
from cluster_ai.gateway.wire.connection import UNREAD_LIMIT
from cluster_ai.gateway.wire.errors import CutOff, SlowToConnect
from tests.chaos.fault_proxy import FaultProxy
from tests.gateway.wire.scripted import ANSWERS, HEADERS, Line, script, turns, whole

pytestmark = [pytest.mark.real, pytest.mark.anyio]
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("said", [b"", HEAD[:20], HEAD, HEAD + b"2\r\nhi\r\n"], ids=["nothing", "half", "head", "body"])
@pytest.mark.parametrize("on", ["a fresh connection", "a kept connection"])
async def test_node_hears_at_once_that_its_caller_has_left(said: bytes, on: str) -> None:
    heard: list[float] = []

    async def talk(line: Line) -> None:
        if on == "a kept connection":
            await line.request()
            await line.say(ANSWERS["length"])
        await line.request()
        await line.say(said)
        asked.set()
        await line.left()
        heard.append(time.monotonic())

    asked = asyncio.Event()
    async with script(talk) as node, open_wire(connect_seconds=1) as wire:
        if on == "a kept connection":
            await whole(wire, node.url)
        calling = asyncio.ensure_future(whole(wire, node.url))
        await asked.wait()
        await asyncio.sleep(0.01)
        left = time.monotonic()
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        await turns(lambda: bool(heard))
        assert heard[0] - left < 0.5
        assert node.connections == 1


async def test_caller_leaves_while_it_connects() -> None:
    async with FaultProxy(1) as proxy, open_wire(connect_seconds=10) as wire:
        await proxy.listen("blackhole")
        calling = asyncio.ensure_future(whole(wire, proxy.url + "/"))
        await asyncio.sleep(0.05)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling


async def test_time_to_connect_is_limited() -> None:
    async with FaultProxy(1) as proxy, open_wire(connect_seconds=0.1) as wire:
        await proxy.listen("blackhole")
        with pytest.raises(SlowToConnect, match="no answer in time"):
            await whole(wire, proxy.url + "/")


async def test_time_to_answer_is_the_callers_to_limit() -> None:
    async def talk(line: Line) -> None:
        await line.request()
        await line.left()

    async with script(talk) as node, open_wire(connect_seconds=0.05) as wire:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await whole(wire, node.url)
        await turns(lambda: not node.open)


async def test_end_of_the_wire_ends_what_is_under_way() -> None:
    async def talk(line: Line) -> None:
        await line.request()
        await line.say(HEAD if line.number < 3 else ANSWERS["length"])
        await line.left()

    async with script(talk) as node:
        async with open_wire(connect_seconds=1) as wire:
            reading, waiting = [await wire.post(node.url, b"{}", HEADERS) for _ in range(2)]
            await whole(wire, node.url)
            assert node.open == 3
            task = asyncio.ensure_future(reading.read_some())
            await asyncio.sleep(0)
        with pytest.raises(CutOff):
            await task
        with pytest.raises(CutOff):
            await waiting.read_some()
        reading.close()
        waiting.close()
        await turns(lambda: not node.open)


async def test_closed_answer_gives_nothing_more() -> None:
    async def talk(line: Line) -> None:
        await line.request()
        await line.say(HEAD)
        await line.left()

    async with script(talk) as node, open_wire(connect_seconds=1) as wire:
        response = await wire.post(node.url, b"{}", HEADERS)
        reading = asyncio.ensure_future(response.read_some())
        await asyncio.sleep(0)
        response.close()
        with pytest.raises(WireError):
            await reading


async def test_node_waits_for_a_slow_reader() -> None:
    sent = 0
    piece = b"%x\r\n%b\r\n" % (UNREAD_LIMIT, b"x" * UNREAD_LIMIT)

    async def talk(line: Line) -> None:
        nonlocal sent
        await line.request()
        await line.say(HEAD)
        for _ in range(1000):
            await line.say(piece)
            sent += 1
        await line.say(b"0\r\n\r\n")
        await line.answer(ANSWERS["length"])

    async with script(talk) as node, open_wire(connect_seconds=1) as wire:
        response = await wire.post(node.url, b"{}", HEADERS)
        with contextlib.closing(response):
            before = -1
            while sent != before:
                before = sent
                await asyncio.sleep(0.1)
            assert sent < 500, "the rest waits in the node, behind the buffers of the system"
            assert response._unread < 8 * UNREAD_LIMIT
            assert len(await response.read(1 << 30)) == 1000 * UNREAD_LIMIT
        assert (await whole(wire, node.url))[0].status == 200
        assert node.connections == 1


async def sizes(response: Response) -> AsyncIterator[int]:
    """Of what comes, up to an end or an error."""
    with contextlib.suppress(WireError):
        while chunk := await response.read_some():
            yield len(chunk)


async def test_held_back_node_that_dies_is_noticed_by_who_reads_on() -> None:
    async def talk(line: Line) -> None:
        await line.request()
        await line.say(HEAD + b"fffffff\r\n" + b"x" * 2_000_000)
        line.end("fin")

    async with script(talk) as node, open_wire(connect_seconds=1) as wire:
        response = await wire.post(node.url, b"{}", HEADERS)
        with contextlib.closing(response):
            await asyncio.sleep(0.05)
            assert sum([size async for size in sizes(response)]) == 2_000_000
            with pytest.raises(CutOff):
                await response.read_some()


async def test_held_back_answer_can_be_left() -> None:
    async def talk(line: Line) -> None:
        await line.request()
        await line.say(HEAD + b"fffffff\r\n" + b"x" * 20_000_000)
        await line.left()

    async with script(talk) as node, open_wire(connect_seconds=1) as wire:
        response = await wire.post(node.url, b"{}", HEADERS)
        await asyncio.sleep(0.05)
        response.close()
        await turns(lambda: not node.open)
