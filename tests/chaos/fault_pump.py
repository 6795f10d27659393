"""One direction of one connection through the fault proxy, and what it suffers there."""

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass, field
from typing import Literal, Protocol

from tests.fakes.knobs import Cut
from tests.fakes.wire import delivered, reset

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
    left: asyncio.Event = field(default_factory=asyncio.Event)  # one side said its end

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


class Owner(Protocol):
    """What a pump needs of its proxy; the faults are read anew for every part."""

    up: Faults
    down: Faults
    chance: random.Random
    counters: Counters
    flowing: asyncio.Event
    cuts: dict[Direction, int]


@dataclass(eq=False)
class Pump:
    """Moves the bytes of one direction of one connection."""

    proxy: Owner
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
        async with asyncio.TaskGroup() as group:
            taking = group.create_task(self.take())
            await self.give()
            taking.cancel()

    async def take(self) -> None:
        while True:
            try:
                part = await self.reader.read(65536)
            except OSError:
                # A reset passes through as a reset.
                self.link.end("rst")
                part = b""
            delay = self.faults.latency + self.faults.jitter * self.proxy.chance.random()
            await self.held.put((time.monotonic() + delay, part))
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
        self.link.left.set()

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
        spared = faults.times is not None and self.proxy.cuts[self.direction] >= faults.times
        if faults.cut_after is None or spared:
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
        if self.direction == "up":
            self.proxy.counters.bytes_up += len(data)
        else:
            self.proxy.counters.bytes_down += len(data)

    async def cut(self) -> None:
        how = self.faults.how
        self.proxy.cuts[self.direction] += 1
        self.proxy.counters.cuts += 1
        await delivered(self.writer)
        self.link.end(how)
        # A stall lasts until the side that waits in vain gives up.
        await self.link.left.wait()
        self.link.end("fin")
