"""Calls that are over, on their way into the database: taken at once, stored together, never waited for by a client.

Without a database chats go on: what was taken waits in memory, within a bound, and is stored when it is back.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final

import structlog

from cluster_ai.core.errors import ClusterError
from cluster_ai.core.late import late
from cluster_ai.gateway.served import Served
from cluster_ai.gateway.types import GatewaySettings
from cluster_ai.gateway.watching.logged import Retention, row_of

if TYPE_CHECKING:
    from cluster_ai.gateway.watching.request_store import RequestStore

log = structlog.get_logger(__name__)

WAITING: Final = 10_000
"""Calls kept while the database is away; beyond, the oldest is lost and counted."""
TOGETHER: Final = 500
PAUSE: Final = 1.0
AGAIN: Final = 2.0
CLEANING: Final = 60.0
STOP_SECONDS: Final = 3.0
_UNFIT: Final = (ArithmeticError, TypeError, ValueError)
"""What drivers raise of values that fit no column, before they send anything."""


class RequestLog:
    """One gateway's pen. ``lost`` counts the calls that were never stored."""

    def __init__(self, url: str, settings: GatewaySettings, *, now: Callable[[], float] = time.time) -> None:
        self._url = url
        self._kept = Retention(settings.request_log_days * 86_400, settings.request_log_rows)
        self._now = now
        self._waiting: deque[Served] = deque()
        self._batch: list[dict[str, object]] = []
        self._is_away = False
        self._cleaned = float("-inf")
        self.lost = 0

    def take(self, calls: Sequence[Served]) -> None:
        """Remembers them until they are stored."""
        self._waiting.extend(calls)
        while len(self._waiting) > WAITING:
            self._waiting.popleft()
            self.lost += 1

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Stores inside the block, and what is left at its end."""
        stop = asyncio.Event()
        task = asyncio.create_task(self._run(stop), name="request log")
        try:
            yield
        finally:
            stop.set()
            with suppress(TimeoutError):
                # Who waits for the task and gives up cancels it.
                async with asyncio.timeout(STOP_SECONDS):
                    await task
            self.lost += len(self._waiting) + len(self._batch)

    async def _run(self, stop: asyncio.Event) -> None:
        may_be_new = False
        while True:
            try:
                async with await asyncio.to_thread(_opened, self._url, may_be_new) as store:
                    await store.probe()
                    await self._keep(store, stop)
                    return
            except ClusterError as exc:
                if not may_be_new:
                    # Its tables are made by whoever comes first; mostly that is the API.
                    may_be_new = True
                    continue
                self._say(exc)
            except Exception:  # calls are served without a log of them, and the next try may go well
                log.exception("the request log stumbled")
            if stop.is_set():
                return
            await _wait(stop, AGAIN)

    async def _keep(self, store: "RequestStore", stop: asyncio.Event) -> None:
        while True:
            # Looked at first: what came before the stop is stored in this round.
            last = stop.is_set()
            while await self._store(store):
                pass
            if not last and self._now() - self._cleaned >= CLEANING:
                await store.drop_old(self._kept, now=self._now())
                self._cleaned = self._now()
            if last:
                return
            await _wait(stop, PAUSE)

    async def _store(self, store: "RequestStore") -> bool:
        """Stores one batch; whether there was any. One that fails is kept for the next time.

        One that can never be stored is lost: all that comes behind it would wait for ever.
        """
        if not self._batch:
            count = min(TOGETHER, len(self._waiting))
            self._batch = [row_of(self._waiting.popleft()) for _ in range(count)]
        if not self._batch:
            return False
        try:
            await store.add(self._batch)
        except _UNFIT as exc:
            self.lost += len(self._batch)
            log.warning("calls that no column takes are lost", calls=len(self._batch), reason=repr(exc)[:200])
        self._batch = []
        if self._is_away:
            self._is_away = False
            log.info("the request log is stored again")
        return True

    def _say(self, error: ClusterError) -> None:
        """Once for each time that the database goes away."""
        if not self._is_away:
            log.warning("the request log waits for its database", code=error.code, reason=error.message)
        self._is_away = True


def _opened(url: str, may_be_new: bool) -> AbstractAsyncContextManager["RequestStore"]:  # noqa: FBT001 - for to_thread
    """The store. To be called in a thread: SQL takes most of a second to import, migrations a tenth of our memory."""
    if may_be_new:
        late("cluster_ai.core.migrate").upgrade(url)
    store = late("cluster_ai.gateway.watching.request_store")
    # A disk that failed ends what was open on it; the next round opens it anew, and says why it cannot.
    opened: AbstractAsyncContextManager[RequestStore] = store.open_store(url, on_fatal=_tell)
    return opened


def _tell(error: ClusterError) -> None:
    log.critical("the disk of the request log failed", code=error.code, reason=error.message)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
