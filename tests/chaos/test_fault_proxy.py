"""Each fault of the proxy, proven on the wire in front of a fake node."""

import asyncio
import contextlib
import json
import socket
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from typing import Literal

import pytest

from tests.chaos.fault_proxy import FaultProxy, Faults, in_thread
from tests.fakes.fleet import FakeNode, Fleet
from tests.fakes.raw import Heard, chat, complete, connected, get, hear, listen, whole

pytestmark = [pytest.mark.real, pytest.mark.anyio]
ENDS = {"fin": "fin", "rst": "rst", "stall": "silence"}
PATIENCE = {"fin": 5.0, "rst": 5.0, "stall": 0.5}


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with Fleet(1) as fleet:
        yield fleet


@pytest.fixture
def node(fleet: Fleet) -> FakeNode:
    fleet.default()
    return fleet.nodes[0]


@pytest.fixture
async def proxy(node: FakeNode) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(node.port) as proxy:
        yield proxy


async def heard(proxy: FaultProxy, request: bytes = b"", timeout: float = 5.0) -> Heard:
    return await asyncio.to_thread(hear, proxy.port, request or chat(), timeout, until=complete)


def at_node(node: FakeNode) -> bytes:
    """The body of the same answer without the proxy."""
    return whole(node, chat()).body


async def emptied(proxy: FaultProxy) -> None:
    """Returns when no connection stands; the time limit of the test is the deadline."""
    while proxy.counters.open:
        await asyncio.sleep(0.01)


async def text(proxy: FaultProxy) -> str:
    return (await heard(proxy)).text


async def test_without_faults_nothing_changes(proxy: FaultProxy, node: FakeNode) -> None:
    answer, direct = await heard(proxy), whole(node, chat())
    assert answer.text == direct.text
    assert [len(line) for line in answer.body.splitlines()[:-1]] == [
        len(line) for line in direct.body.splitlines()[:-1]
    ]
    assert (proxy.counters.connections, proxy.counters.bytes_up) == (1, len(chat()))
    assert proxy.counters.bytes_down == len(answer.data)


async def test_latency_delays_each_direction_and_not_the_rate(proxy: FaultProxy, node: FakeNode) -> None:
    proxy.down = Faults(latency=0.1)
    assert (await heard(proxy, get("/api/version"))).seconds >= 0.1
    proxy.up = Faults(latency=0.15)
    assert (await heard(proxy, get("/api/version"))).seconds >= 0.25
    node.set(rate=200, answer_tokens=100)
    # The records wait together, not one after the other.
    assert (await heard(proxy)).seconds < 8


async def test_jitter_varies_and_keeps_the_order(proxy: FaultProxy, node: FakeNode) -> None:
    proxy.down = Faults(jitter=0.1)
    took = [(await heard(proxy, get("/api/version"))).seconds for _ in range(8)]
    assert max(took) < 5
    assert statistics.pstdev(took) > 0.01
    node.set(rate=200)
    assert (await text(proxy)) == whole(node, chat()).text


async def test_the_rate_is_held(proxy: FaultProxy) -> None:
    size = len((await heard(proxy)).data)
    proxy.down = Faults(rate=size / 0.5)
    assert 0.4 <= (await heard(proxy)).seconds < 10


async def test_bytes_come_in_slices(proxy: FaultProxy) -> None:
    # Slow enough that a reader on a busy machine finds one slice, not several.
    proxy.down = Faults(slice=3, rate=150)

    def first() -> bytes:
        with connected(proxy.port) as sock:
            sock.sendall(get("/api/version"))
            return sock.recv(65536)

    assert await asyncio.to_thread(first) == b"HTT"
    proxy.down = Faults(slice=3)
    assert (await heard(proxy)).text


@pytest.mark.parametrize("how", ["fin", "rst", "stall"])
@pytest.mark.parametrize("size", [0, 1, 200, 1777])
async def test_an_answer_is_cut_on_its_byte(
    proxy: FaultProxy, node: FakeNode, how: Literal["fin", "rst", "stall"], size: int
) -> None:
    proxy.down = Faults(cut_after=size, how=how)
    answer = await heard(proxy, timeout=PATIENCE[how])
    assert (len(answer.data), answer.end) == (size, ENDS[how])
    assert proxy.counters.cuts == 1


@pytest.mark.parametrize("how", ["fin", "rst"])
async def test_a_request_is_cut_on_its_byte(proxy: FaultProxy, node: FakeNode, how: Literal["fin", "rst"]) -> None:
    proxy.up = Faults(cut_after=20, how=how)
    answer = await heard(proxy)
    assert (answer.data, answer.end) == (b"", how)
    assert proxy.counters.bytes_up == 20
    assert node.counters().requests == 0


async def test_so_many_connections_are_cut_and_the_next_pass(proxy: FaultProxy) -> None:
    proxy.down = Faults(cut_after=0, how="rst", times=2)
    assert [(await heard(proxy)).end for _ in range(2)] == ["rst", "rst"]
    assert (await text(proxy)) != ""


async def test_the_node_hears_a_client_that_leaves_a_stalled_answer(proxy: FaultProxy, node: FakeNode) -> None:
    node.set(rate=20)
    proxy.down = Faults(cut_after=300, how="stall")
    assert (await heard(proxy, timeout=0.5)).end == "silence"
    await node.until_async(lambda told: told.cancelled == 1)
    await emptied(proxy)


@pytest.mark.parametrize(
    ("mode", "end"), [("refuse", "refused"), ("reset", "rst"), ("hang", "silence"), ("blackhole", "no-answer")]
)
async def test_what_a_new_connection_meets(
    proxy: FaultProxy, mode: Literal["refuse", "reset", "hang", "blackhole"], end: str
) -> None:
    await proxy.listen(mode)
    assert (await heard(proxy, timeout=0.5)).end == end
    await proxy.heal()
    assert await text(proxy)


async def test_a_node_that_refuses_is_a_reset_through_the_proxy(proxy: FaultProxy, node: FakeNode) -> None:
    node.kill()
    assert (await heard(proxy)).end == "rst"
    assert proxy.counters.unreachable == 1


async def test_bytes_are_corrupted_where_told(proxy: FaultProxy) -> None:
    clean = (await heard(proxy, get("/api/version"))).data
    proxy.down = Faults(corrupt_every=50)
    dirty = (await heard(proxy, get("/api/version"), timeout=0.5)).data
    wrong = [at for at, (one, two) in enumerate(zip(clean, dirty, strict=True)) if one != two]
    assert wrong == list(range(49, len(clean), 50))
    assert proxy.counters.corrupted == len(wrong) > 0


async def test_a_half_open_connection_takes_everything_and_says_nothing(proxy: FaultProxy, node: FakeNode) -> None:
    node.set(rate=50)

    def half_open() -> tuple[Heard, int]:
        with connected(proxy.port, 0.3) as sock:
            sock.sendall(chat())
            listen(sock, 0, until=b"message")
            proxy.up = proxy.down = Faults(lost=True)
            return listen(sock, 0), sock.send(b"are you there?")

    silent, taken = await asyncio.to_thread(half_open)
    assert (silent.end, taken) == ("silence", 14)
    await asyncio.sleep(0.2)
    # The client is gone, and nobody told the node.
    told = node.counters()
    assert (told.cancelled, told.done, told.open_connections) == (0, 1, 1)
    assert proxy.counters.lost > 14


async def test_standing_connections_stall_resume_and_are_cut(proxy: FaultProxy, node: FakeNode) -> None:
    node.set(rate=100)

    def halting() -> tuple[Heard, Heard]:
        with connected(proxy.port, 0.3) as sock:
            sock.sendall(chat())
            listen(sock, 0, until=b"message")
            proxy.stall()
            stalled = listen(sock, 0)
            loop.call_soon_threadsafe(proxy.resume)
            return stalled, listen(sock, 0, until=b"0\r\n\r\n")

    loop = asyncio.get_running_loop()
    stalled, resumed = await asyncio.to_thread(halting)
    assert (stalled.end, resumed.data[-5:]) == ("silence", b"0\r\n\r\n")
    await emptied(proxy)
    node.set(rate=1)
    asking = asyncio.create_task(heard(proxy))
    await node.until_async(lambda told: told.in_flight == 1)
    assert proxy.cut("rst") == 1
    assert (await asking).end == "rst"
    await node.until_async(lambda told: told.cancelled == 1)


async def test_a_node_vanishes_and_comes_back(proxy: FaultProxy, node: FakeNode) -> None:
    node.set(rate=20)
    asking = asyncio.create_task(heard(proxy, timeout=0.5))
    await node.until_async(lambda told: told.tokens > 1)
    await proxy.vanish()
    assert (await asking).end == "silence"
    assert (await heard(proxy, timeout=0.3)).end == "no-answer"
    await proxy.heal()
    node.set(rate=0)
    assert await text(proxy)


async def test_a_close_passes_through(proxy: FaultProxy, node: FakeNode) -> None:
    node.set(close_after=True)
    assert (await asyncio.to_thread(hear, proxy.port, chat())).end == "fin"
    node.set(close_after=False, die_after=3, die_how="rst")
    answer = await heard(proxy)
    assert answer.end == "rst"
    assert len(answer.lines) == 3


async def test_a_slow_reader_is_felt_by_the_node(proxy: FaultProxy, node: FakeNode) -> None:
    node.set(answer_tokens=4000, pad=10_000)

    def idle() -> int:
        with connected(proxy.port) as sock:
            sock.sendall(chat())
            node.until(lambda told: told.tokens > 10)
            return node.until(lambda told: told.bytes_out == node.counters().bytes_out).bytes_out

    assert await asyncio.to_thread(idle) < 39_000_000


async def test_a_proxy_that_fails_itself_says_so(node: FakeNode) -> None:
    async def failing() -> None:
        async with FaultProxy(node.port) as proxy:
            proxy.down = None  # type: ignore[assignment]
            assert (await heard(proxy)).data == b""

    with pytest.raises(ExceptionGroup, match="the proxy failed"):
        await failing()


def test_plain_code_uses_it_in_a_thread(node: FakeNode) -> None:
    with in_thread(node.port, down=Faults(latency=0.1)) as threaded:
        began = time.monotonic()
        assert json.loads(whole(threaded.proxy.port, get("/api/version")).body)["version"]
        assert time.monotonic() - began >= 0.1
        threaded.call(threaded.proxy.listen("refuse"))
        assert hear(threaded.proxy.port, get("/")).end == "refused"
        threaded.call(threaded.proxy.heal())
        assert whole(threaded.proxy.port, chat()).ended_whole


@pytest.mark.parametrize("turns", range(8))
def test_a_connection_of_the_last_moment_is_closed_with_the_proxy(node: FakeNode, turns: int) -> None:
    for _ in range(5):
        with in_thread(node.port) as threaded:
            late = socket.create_connection(("127.0.0.1", threaded.proxy.port), timeout=5)
            time.sleep(turns / 10_000)
        with late, contextlib.suppress(ConnectionError):
            assert late.recv(1) == b"", "nobody holds the other end any more"
