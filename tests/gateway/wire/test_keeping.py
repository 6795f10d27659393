"""Connections that are kept: used again, given up in time, and no trap when the node has closed them."""

import asyncio
import contextlib

import pytest

from cluster_ai.gateway.wire import client as module
from cluster_ai.gateway.wire.client import Wire, WireError, open_wire
from cluster_ai.gateway.wire.errors import NoAnswer
from tests.fakes.fleet import FakeNode, Fleet
from tests.gateway.wire.scripted import ANSWERS, BODY, HEADERS, Line, script, turns, whole

pytestmark = [pytest.mark.real, pytest.mark.anyio]
CHAT = b'{"model": "smollm2:135m", "messages": [{"role": "user", "content": "hi"}], "stream": %s}'


async def test_thousand_requests_need_few_connections() -> None:
    async def ten(wire: Wire, url: str) -> None:
        for _ in range(100):
            assert (await whole(wire, url))[1] == BODY

    async with script(lambda line: line.answer(ANSWERS["chunked"])) as node, open_wire(connect_seconds=5) as wire:
        await asyncio.gather(*(ten(wire, node.url) for _ in range(10)))
        assert node.connections <= 10


async def test_no_more_than_a_few_are_kept() -> None:
    async with script(lambda line: line.answer(ANSWERS["length"])) as node, open_wire(connect_seconds=5) as wire:
        answers = [await wire.post(node.url, b"{}", HEADERS) for _ in range(module.IDLE_MOST + 8)]
        assert node.open == module.IDLE_MOST + 8
        for answer in answers:
            await answer.read(1000)
            answer.close()
        await turns(lambda: node.open == module.IDLE_MOST)


async def test_unused_connection_is_closed_after_a_while() -> None:
    async with (
        script(lambda line: line.answer(ANSWERS["length"])) as node,
        open_wire(connect_seconds=1, idle_seconds=0.1) as wire,
    ):
        for round_ in (1, 2):
            await whole(wire, node.url)
            assert (node.connections, node.open) == (round_, 1)
            await turns(lambda: not node.open)


async def test_connection_in_use_outlives_the_time_for_unused_ones() -> None:
    async def talk(line: Line) -> None:
        while await line.request():
            await asyncio.sleep(0.15)
            await line.say(ANSWERS["length"])

    async with script(talk) as node, open_wire(connect_seconds=1, idle_seconds=0.1) as wire:
        for _ in range(3):
            assert (await whole(wire, node.url))[1] == BODY
        assert node.connections == 1


async def test_connection_is_kept_when_the_end_of_a_whole_answer_was_not_read() -> None:
    async with script(lambda line: line.answer(ANSWERS["length"])) as node, open_wire(connect_seconds=1) as wire:
        for _ in range(3):
            response = await wire.post(node.url, b"{}", HEADERS)
            async with asyncio.timeout(5):
                while not response.is_complete:
                    await asyncio.sleep(0)
            assert not response.at_end
            response.close()
            response.close()
        assert node.connections == 1


@pytest.mark.parametrize("stray", [ANSWERS["length"], b"HTTP", b"\x00"], ids=["an answer", "half a one", "a byte"])
@pytest.mark.parametrize("when", ["with the answer", "later"])
async def test_what_nobody_asked_for_is_nobodys_answer(stray: bytes, when: str) -> None:
    async def talk(line: Line) -> None:
        await line.request()
        if when == "with the answer":
            await line.say(ANSWERS["length"] + stray)
        else:
            await line.say(ANSWERS["length"])
            await asyncio.sleep(0.02)
            await line.say(stray)
        await line.left()

    async with script(talk) as node, open_wire(connect_seconds=1) as wire:
        for round_ in (1, 2):
            assert (await whole(wire, node.url))[1] == BODY
            await turns(lambda: not node.open)
            assert node.connections == round_


async def test_answer_before_the_end_of_the_request_ends_the_connection() -> None:
    async def talk(line: Line) -> None:
        await line.reader.readuntil(b"\r\n\r\n")
        await line.say(b"HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n")
        if line.number == 1:
            await asyncio.sleep(0.1)
            await line.left()

    async with script(talk) as node, open_wire(connect_seconds=1) as wire:
        response, _ = await whole(wire, node.url, b"x" * 50_000_000)
        assert response.status == 413
        await turns(lambda: not node.open)
        await whole(wire, node.url)
        assert node.connections == 2


class Tried:
    """A node that answers the first request of a connection, and ends the connection at the second one."""

    def __init__(self, *, said: bytes = b"", after: float = 0.0, always: bool = False) -> None:
        self.said, self.after, self.always = said, after, always
        self.requests = 0

    async def talk(self, line: Line) -> None:
        if not (self.always and line.number > 1):
            self.requests += bool(await line.request())
            await line.say(ANSWERS["length"])
        if await line.request():
            self.requests += 1
            await asyncio.sleep(self.after)
            await line.say(self.said)
            line.end("rst" if line.number % 2 else "fin")


async def test_request_on_a_connection_that_was_being_closed_is_sent_once_more() -> None:
    tried = Tried()
    async with script(tried.talk) as node, open_wire(connect_seconds=1) as wire:
        for _ in range(6):
            assert (await whole(wire, node.url))[1] == BODY
        assert (node.connections, tried.requests) == (6, 11)


async def test_it_is_sent_once_more_only_once() -> None:
    tried = Tried(always=True)
    async with script(tried.talk) as node, open_wire(connect_seconds=1) as wire:
        await whole(wire, node.url)
        with pytest.raises(NoAnswer):
            await whole(wire, node.url)
        assert (node.connections, tried.requests) == (2, 3)


async def test_request_that_was_answered_by_a_byte_is_not_sent_again() -> None:
    tried = Tried(said=b"H")
    async with script(tried.talk) as node, open_wire(connect_seconds=1) as wire:
        await whole(wire, node.url)
        with pytest.raises(WireError):
            await whole(wire, node.url)
        assert (node.connections, tried.requests) == (1, 2)


async def test_node_that_dies_at_its_work_is_not_asked_again() -> None:
    tried = Tried(after=module.RACE_SECONDS + 0.1)
    async with script(tried.talk) as node, open_wire(connect_seconds=1) as wire:
        await whole(wire, node.url)
        with pytest.raises(NoAnswer):
            await whole(wire, node.url)
        assert (node.connections, tried.requests) == (1, 2)


@pytest.fixture(scope="module")
def fleet() -> "contextlib.AbstractContextManager[Fleet]":
    with Fleet(1, answer_tokens=3) as fleet:
        yield fleet


@pytest.fixture
def node(fleet: Fleet) -> FakeNode:
    fleet.default()
    return fleet.nodes[0]


@pytest.mark.parametrize("stream", [b"true", b"false"])
@pytest.mark.parametrize("habit", [{"close_after": True}, {"drop_reused": True}, {"idle_close": 0.05}, {}])
async def test_nodes_that_close_as_they_like_cost_no_answer(
    node: FakeNode, habit: dict[str, float], stream: bytes
) -> None:
    node.set(**habit)
    async with open_wire(connect_seconds=1) as wire:
        for pause in (0, 0, 0.025, 0.05, 0.05, 0.055, 0.1, 0):
            response, body = await whole(wire, f"{node.url}/api/chat", CHAT % stream)
            assert (response.status, body[-2:]) == (200, b"}\n") or body.endswith(b"}")
            await asyncio.sleep(pause)
    counted = node.counters()
    assert counted.done == 8
    assert habit or counted.connections <= 2
