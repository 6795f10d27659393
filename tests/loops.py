"""An event loop beside a test that is plain code."""

import asyncio
import contextlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
ROUNDS = 10
"""Of a loop: more than lie between a connection and the first step of who serves it."""


@contextlib.contextmanager
def loop_in_thread(name: str) -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that runs in a thread of its own.

    What is left on it at the end is ended as ``asyncio.run`` does it: tasks are cancelled and connections closed while
    the loop still turns. A loop that is stopped instead leaves both to the garbage collector.
    """
    begun: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def stand() -> None:
        stop = asyncio.Event()
        begun.set_result((asyncio.get_running_loop(), stop))
        await stop.wait()
        # What was accepted a moment ago begins, so that it can end: a task cancelled before it began closes nothing.
        for _ in range(ROUNDS):
            await asyncio.sleep(0)

    with ThreadPoolExecutor(1, name) as pool:
        over = pool.submit(asyncio.run, stand())
        loop, stop = begun.result(timeout=10)
        try:
            yield loop
        finally:
            loop.call_soon_threadsafe(stop.set)
            over.result(timeout=10)


async def until_left(server: asyncio.Server) -> None:
    """Waits until nobody is connected to a server that was closed. Who is in the TLS handshake still is known to it alone:
    on a loop that ends before they do, they are left to the garbage collector."""
    async with asyncio.timeout(10):
        while server._active_count:  # type: ignore[attr-defined]
            await asyncio.sleep(0.005)


@contextlib.contextmanager
def standing(loop: asyncio.AbstractEventLoop, opened: contextlib.AbstractAsyncContextManager[T]) -> Iterator[T]:
    """What an async context manager gives, entered and left by one task on a loop that runs in another thread."""
    begun: Future[tuple[T, asyncio.Event]] = Future()

    async def stand() -> None:
        stop = asyncio.Event()
        try:
            async with opened as value:
                begun.set_result((value, stop))
                await stop.wait()
        except BaseException as exc:
            if begun.done():
                raise
            begun.set_exception(exc)

    task = asyncio.run_coroutine_threadsafe(stand(), loop)
    value, stop = begun.result(timeout=60)
    try:
        yield value
    finally:
        loop.call_soon_threadsafe(stop.set)
        task.result(timeout=30)
