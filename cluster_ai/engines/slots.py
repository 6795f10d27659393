"""How many answers one model writes at the same time, and how many requests may wait for that."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from cluster_ai.core.errors import Unavailable


class Busy(Unavailable):
    """The queue is full. The words are Ollama's, two spaces and all: clients look for them."""

    code = "node_busy"

    def __init__(self) -> None:
        super().__init__("server busy, please try again.  maximum pending requests exceeded", retry_after=2.0)


class Slots:
    """First come, first served. Whoever leaves the queue or the slot frees it at once."""

    def __init__(self, count: int, *, queue: int) -> None:
        self._free = asyncio.Semaphore(count)
        self._queue = queue
        self.waiting = 0
        self.busy = 0

    @contextlib.asynccontextmanager
    async def hold(self) -> AsyncIterator[None]:
        """One slot.

        Raises:
            Busy: all are taken and the queue is full.
        """
        await self._take()
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1
            self._free.release()

    async def _take(self) -> None:
        if self._free.locked() and self.waiting >= self._queue:
            raise Busy
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
