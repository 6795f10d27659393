"""A TCP proxy on 127.0.0.1 that harms what passes through it.

``async with FaultProxy(node.port) as proxy`` stands between a client and ``node``; ``proxy.url`` is where the client
goes. Each direction has its own ``Faults``, which may change at any time and hold for connections that stand as well.
What new connections meet is set by ``listen``: "refuse" (RST to the SYN), "reset" (accepted, then RST), "hang"
(accepted by the kernel, never read) or "blackhole" (SYNs dropped, as from a machine that is off).
"""

import asyncio
import contextlib
import random
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Literal, Self, cast
from weakref import WeakSet

from tests.chaos.fault_pump import Counters, Direction, Faults, Link, Pump
from tests.fakes.knobs import Listen
from tests.fakes.listener import Listener
from tests.fakes.wire import reset
from tests.loops import loop_in_thread

__all__ = ["FaultProxy", "Faults", "in_thread"]

TURNS: Final = 5
"""Of the loop, from a connection that the kernel hands over to the task that serves it."""


class FaultProxy:
    """See the module. ``up`` is towards the node, ``down`` towards the client."""

    def __init__(self, port: int, *, up: Faults | None = None, down: Faults | None = None, seed: int = 0) -> None:
        self.target = port
        self.up = up or Faults()
        self.down = down or Faults()
        self.chance = random.Random(seed)
        self.counters = Counters()
        self.flowing = asyncio.Event()
        self.links: set[Link] = set()
        self.served: set[asyncio.Task[Any]] = set()
        # Those that are not closed yet: a side that does not read keeps its connection beyond the link's end.
        self.transports: WeakSet[asyncio.BaseTransport] = WeakSet()
        self.is_closed = False
        self.cuts: dict[Direction, int] = {"up": 0, "down": 0}
        self.failures: list[Exception] = []
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

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection to its end."""
        task = asyncio.current_task()
        assert task is not None
        self.served.add(task)
        self.transports.add(writer.transport)
        try:
            await self._serve(reader, writer)
        except asyncio.CancelledError:
            # Only close() cancels; asyncio's streams would report a cancelled callback.
            reset(writer)
        finally:
            self.served.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.counters.connections += 1
        if self.is_closed or self.listener.mode == "reset":
            reset(writer)
            return
        try:
            node_reader, node_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            self.counters.unreachable += 1
            reset(writer)
            return
        link = Link(writer, node_writer)
        self.transports.add(node_writer.transport)
        self.links.add(link)
        self.counters.open = len(self.links)
        try:
            await self.both(link, reader, node_reader)
        finally:
            link.end("fin")
            self.links.discard(link)
            self.counters.open = len(self.links)

    async def both(self, link: Link, from_client: asyncio.StreamReader, from_node: asyncio.StreamReader) -> None:
        """Move both directions; over when both ended, when a side is gone, or when a cut ended the link."""
        up = Pump(self, "up", link, from_client, link.node)
        down = Pump(self, "down", link, from_node, link.client)
        moved = asyncio.create_task(both_run(up, down))
        gone = [asyncio.create_task(writer.wait_closed()) for writer in (link.client, link.node)]
        try:
            await asyncio.wait({moved, *gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (moved, *gone):
                task.cancel()
            await asyncio.gather(moved, *gone, return_exceptions=True)
            failed = None if moved.cancelled() else moved.exception()
            if isinstance(failed, ExceptionGroup) and (ours := failed.split(OSError)[1]):
                self.failures.append(ours)

    async def close(self) -> None:
        self.is_closed = True
        self.listener.take_no_more()
        await self.turn()
        self.listener.release()
        await self.turn()
        tasks = list(self.served)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for transport in list(self.transports):
            cast("asyncio.Transport", transport).abort()
        await self.turn()
        if self.failures:
            # A proxy that fails makes tests lie.
            raise ExceptionGroup("the proxy failed", self.failures)

    async def turn(self) -> None:
        """Lets the loop do what it has begun: connections that it took arrive here, those that were cut are closed."""
        for _ in range(TURNS):
            await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        self.flowing.set()
        await self.listen("up")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()


async def both_run(up: Pump, down: Pump) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(up.run())
        group.create_task(down.run())


@dataclass(frozen=True)
class Threaded:
    """A proxy in its own thread, for tests that are not async; ``call`` runs something on its loop."""

    proxy: FaultProxy
    loop: asyncio.AbstractEventLoop

    def call(self, work: Coroutine[Any, Any, None]) -> None:
        """``call(proxy.listen("refuse"))``, ``call(proxy.vanish())``, ``call(proxy.heal())``."""
        asyncio.run_coroutine_threadsafe(work, self.loop).result(5)

    def cut(self, how: Literal["fin", "rst"] = "rst") -> None:
        self.loop.call_soon_threadsafe(self.proxy.cut, how)


@contextlib.contextmanager
def in_thread(port: int, *, up: Faults | None = None, down: Faults | None = None) -> Iterator[Threaded]:
    """The same proxy for plain code. Setting ``up``, ``down`` and reading counters needs no ``call``."""

    async def opened() -> FaultProxy:
        return await FaultProxy(port, up=up, down=down).__aenter__()

    with loop_in_thread("fault-proxy") as loop:
        threaded = Threaded(asyncio.run_coroutine_threadsafe(opened(), loop).result(5), loop)
        try:
            yield threaded
        finally:
            threaded.call(threaded.proxy.close())
