"""A TCP proxy on 127.0.0.1 that harms what passes through it.

``async with FaultProxy(node.port) as proxy`` stands between a client and ``node``; ``proxy.url`` is where the client
goes. Each direction has its own ``Faults``, which may change at any time and hold for connections that stand as well.
What new connections meet is set by ``listen``: "refuse" (RST to the SYN), "reset" (accepted, then RST), "hang"
(accepted by the kernel, never read) or "blackhole" (SYNs dropped, as from a machine that is off).
"""

import asyncio
import contextlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

from tests.fakes.knobs import Cut, Listen
from tests.fakes.listener import Listener
from tests.fakes.wire import LINGER_ZERO, unsent

HELD = 8  # parts on their way in one direction; more than that holds the sender back


@dataclass(frozen=True)
class Faults:
    """What one direction of every connection suffers. Times in seconds, sizes in bytes, counted per connection."""

    latency: float = 0.0
    jitter: float = 0.0  # up to so much more; the order of bytes is kept
    rate: float = 0.0  # bytes per second; 0 = no limit
    slice: int = 0  # largest part written at once; 0 = as it came
    cut_after: int | None = None  # bytes let through before the connection is cut
    how: Cut = "rst"
    times: int | None = None  # connections cut; the ones after them pass
    corrupt_every: int = 0  # in every n-th byte the lowest bit is turned; 0 = none
    lost: bool = False  # bytes and closes are taken and go nowhere: half of a half-open connection


@dataclass
class Counters:
    """What passed since the proxy began."""

    connections: int = 0
    open: int = 0
    unreachable: int = 0  # the node did not take a connection; the client was reset
    bytes_up: int = 0  # to the node
    bytes_down: int = 0  # to the client
    lost: int = 0
    cuts: int = 0
    corrupted: int = 0


Direction = Literal["up", "down"]


@dataclass(eq=False)
class Link:
    """One connection through the proxy: the client's side and the node's."""

    client: asyncio.StreamWriter
    node: asyncio.StreamWriter

    def __post_init__(self) -> None:
        for writer in (self.client, self.node):
            # drain() then waits for the kernel, so that a cut falls on its byte and a slow reader is felt.
            writer.transport.set_write_buffer_limits(high=0)

    def end(self, how: Cut) -> None:
        """Both sides at once; "stall" leaves them as they are."""
        for writer in (self.client, self.node) if how != "stall" else ():
            if how == "rst":
                reset(writer)
            writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None and sock.fileno() >= 0:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
    writer.transport.abort()


async def delivered(writer: asyncio.StreamWriter) -> None:
    """Returns when the other kernel has what was written, or after a second; a reset would throw the rest away."""
    sock = writer.get_extra_info("socket")
    deadline = time.monotonic() + 1
    while sock is not None and sock.fileno() >= 0 and unsent(sock.fileno()) and time.monotonic() < deadline:
        await asyncio.sleep(0.0005)


@dataclass(eq=False)
class Pump:
    """Moves the bytes of one direction of one connection."""

    proxy: "FaultProxy"
    direction: Direction
    link: Link
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    passed: int = 0
    # Parts with the time when they are due; an empty part is the end.
    held: asyncio.Queue[tuple[float, bytes]] = field(default_factory=lambda: asyncio.Queue(HELD))

    @property
    def faults(self) -> Faults:
        return self.proxy.up if self.direction == "up" else self.proxy.down

    async def run(self) -> None:
        taking = asyncio.create_task(self.take())
        try:
            await self.give()
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)

    async def take(self) -> None:
        due = 0.0
        while True:
            try:
                part = await self.reader.read(65536)
            except OSError:
                # A reset passes through as a reset.
                self.link.end("rst")
                part = b""
            delay = self.faults.latency + self.faults.jitter * self.proxy.chance.random()
            due = max(due, time.monotonic() + delay)
            await self.held.put((due, part))
            if not part:
                return

    async def give(self) -> None:
        while True:
            due, part = await self.held.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self.proxy.flowing.wait()
            if self.faults.lost:
                self.proxy.counters.lost += len(part)
                if not part:
                    await asyncio.Event().wait()
                continue
            if not part:
                self.close_half()
                return
            await self.send(part)

    def close_half(self) -> None:
        # The other direction may still flow; a side that is gone already needs no end.
        with contextlib.suppress(OSError, RuntimeError):
            self.writer.write_eof()

    async def send(self, part: bytes) -> None:
        while part:
            now, part = part[: self.step(len(part))], part[self.step(len(part)) :]
            left = self.until_cut()
            await self.write(self.harmed(now if left is None else now[:left]))
            if left is not None and len(now) >= left:
                await self.cut()
            if self.faults.rate:
                await asyncio.sleep(len(now) / self.faults.rate)

    def step(self, size: int) -> int:
        paced = max(1, int(self.faults.rate / 50)) if self.faults.rate else size
        return min(size, paced, self.faults.slice or size)

    def until_cut(self) -> int | None:
        """Bytes that may still pass; None when no cut is coming."""
        faults = self.faults
        if faults.cut_after is None or (
            faults.times is not None and self.proxy.cuts_of(self.direction) >= faults.times
        ):
            return None
        return max(0, faults.cut_after - self.passed)

    def harmed(self, data: bytes) -> bytes:
        every = self.faults.corrupt_every
        if not every:
            return data
        harmed = bytearray(data)
        for at in range((-self.passed - 1) % every, len(data), every):
            harmed[at] ^= 1
            self.proxy.counters.corrupted += 1
        return bytes(harmed)

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()
        if self.faults.slice:
            # Lets each slice leave in its own segment.
            await asyncio.sleep(0.0005)
        self.passed += len(data)
        self.proxy.count(self.direction, len(data))

    async def cut(self) -> None:
        how = self.faults.how
        self.proxy.counted_cut(self.direction)
        await delivered(self.writer)
        self.link.end(how)
        # A stall lasts until the connection is cut from elsewhere or the proxy ends.
        await asyncio.Event().wait()


class FaultProxy:
    """See the module. ``up`` is towards the node, ``down`` towards the client."""

    def __init__(self, port: int, *, up: Faults | None = None, down: Faults | None = None, seed: int = 0) -> None:
        self.target = port
        self.up = up or Faults()
        self.down = down or Faults()
        self.chance = random.Random(seed)
        self.counters = Counters()
        self.flowing = asyncio.Event()
        self.links: dict[Link, asyncio.Task[None]] = {}
        self.cuts: dict[Direction, int] = {"up": 0, "down": 0}
        self.listener = Listener(self.serve)

    @property
    def port(self) -> int:
        return self.listener.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def listen(self, mode: Listen) -> None:
        """What new connections meet from now on; those that stand are left alone."""
        await self.listener.set(mode)

    def cut(self, how: Literal["fin", "rst"] = "rst") -> int:
        """End every connection that stands; how many."""
        for link in (standing := list(self.links)):
            link.end(how)
        self.counters.cuts += len(standing)
        return len(standing)

    def stall(self) -> None:
        """Nothing moves on any connection, in either direction, until ``resume``."""
        self.flowing.clear()

    def resume(self) -> None:
        self.flowing.set()

    async def vanish(self) -> None:
        """As if the node's machine lost its power: SYNs are dropped, what stands goes silent, nobody is told."""
        self.stall()
        await self.listen("blackhole")

    async def heal(self) -> None:
        """No fault any more. Bytes that were lost stay lost; connections stalled by a cut stay so."""
        self.up = self.down = Faults()
        self.cuts = {"up": 0, "down": 0}
        self.resume()
        await self.listen("up")

    def count(self, direction: Direction, size: int) -> None:
        if direction == "up":
            self.counters.bytes_up += size
        else:
            self.counters.bytes_down += size

    def cuts_of(self, direction: Direction) -> int:
        return self.cuts[direction]

    def counted_cut(self, direction: Direction) -> None:
        self.cuts[direction] += 1
        self.counters.cuts += 1

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection to its end."""
        self.counters.connections += 1
        if self.listener.mode == "reset":
            reset(writer)
            return
        try:
            node_reader, node_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            self.counters.unreachable += 1
            reset(writer)
            return
        task = asyncio.current_task()
        assert task is not None
        link = Link(writer, node_writer)
        self.links[link] = task
        self.counters.open = len(self.links)
        try:
            await self.both(link, reader, node_reader)
        finally:
            link.end("fin")
            del self.links[link]
            self.counters.open = len(self.links)

    async def both(self, link: Link, from_client: asyncio.StreamReader, from_node: asyncio.StreamReader) -> None:
        """Move both directions; over when both ended, when a side is gone, or when a cut ended the link."""
        pumps = [Pump(self, "up", link, from_client, link.node), Pump(self, "down", link, from_node, link.client)]
        tasks = [asyncio.create_task(pump.run()) for pump in pumps]
        gone = [asyncio.create_task(writer.wait_closed()) for writer in (link.client, link.node)]
        try:
            moved = asyncio.gather(*tasks)
            await asyncio.wait({moved, *gone}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            # Only close() cancels; asyncio's streams would report a cancelled callback.
            link.end("rst")
        finally:
            for task in (*tasks, *gone):
                task.cancel()
            await asyncio.gather(*tasks, *gone, moved, return_exceptions=True)

    async def close(self) -> None:
        self.listener.release()
        tasks = list(self.links.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        self.flowing.set()
        await self.listen("up")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()


@dataclass(frozen=True)
class Threaded:
    """A proxy in its own thread, for tests that are not async; ``call`` runs something on its loop."""

    proxy: FaultProxy
    loop: asyncio.AbstractEventLoop

    def listen(self, mode: Listen) -> None:
        asyncio.run_coroutine_threadsafe(self.proxy.listen(mode), self.loop).result(5)

    def vanish(self) -> None:
        asyncio.run_coroutine_threadsafe(self.proxy.vanish(), self.loop).result(5)

    def heal(self) -> None:
        asyncio.run_coroutine_threadsafe(self.proxy.heal(), self.loop).result(5)


@contextlib.contextmanager
def in_thread(port: int, *, up: Faults | None = None, down: Faults | None = None) -> Iterator[Threaded]:
    """The same proxy for plain code. Setting ``up``, ``down`` and reading counters needs no ``call``."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fault-proxy")
    thread.start()

    async def opened() -> FaultProxy:
        return await FaultProxy(port, up=up, down=down).__aenter__()

    try:
        proxy = asyncio.run_coroutine_threadsafe(opened(), loop).result(5)
        yield Threaded(proxy, loop)
        asyncio.run_coroutine_threadsafe(proxy.close(), loop).result(5)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()
