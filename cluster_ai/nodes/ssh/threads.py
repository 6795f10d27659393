"""Blocking calls of a library beside the loop, ended when whoever waits for them is cancelled."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")


class Threads:
    """A few threads of one connection: blocking reads of another must not stand in its way."""

    def __init__(self, most: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=name)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        # All that ran was stopped by its own ``stop``: this waits for moments.
        await asyncio.to_thread(self._pool.shutdown)

    async def do(self, work: Callable[[], T], *, stop: Callable[[], object]) -> T:
        """What ``work`` answers. ``stop`` makes it come to an end early; it may block for a moment, too."""
        loop = asyncio.get_running_loop()
        doing = loop.run_in_executor(self._pool, work)
        try:
            return await asyncio.shield(doing)
        except asyncio.CancelledError:
            await asyncio.shield(_ended(loop, stop, doing))
            raise


async def _ended(loop: asyncio.AbstractEventLoop, stop: Callable[[], object], doing: "asyncio.Future[T]") -> None:
    await loop.run_in_executor(None, stop)
    await asyncio.wait([doing])
    if not doing.cancelled():
        # Taken, so that nobody complains of an error that nobody took.
        doing.exception()
