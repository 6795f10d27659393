"""A loop is ``tick()``, which tests call, and ``every()`` or ``stored()``, which call it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import structlog

from cluster_ai.core.errors import Unavailable

log = structlog.get_logger(__name__)


async def every(seconds: float, tick: Callable[[], Awaitable[None]], *, name: str) -> None:
    """Runs ``tick`` now and then each ``seconds``, until cancelled. A tick that fails is logged."""
    while True:
        try:
            await tick()
        except Unavailable as exc:
            # Something is away or full: that has its name, and a story for each tick would fill the log.
            log.warning("tick failed", loop=name, code=exc.code, reason=exc.message)
        except Exception:  # a loop outlives one bad tick; the log has the story
            log.exception("tick failed", loop=name)
        heed_cancellation()
        await asyncio.sleep(seconds)


@asynccontextmanager
async def stored(seconds: float, store: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Calls ``store`` each ``seconds`` inside the block, and once more at its end, for what came in the meantime.

    It is told to stop, and never cancelled: who is cancelled in a commit never learns whether it counted.
    """
    stopping = asyncio.Event()

    async def run() -> None:
        while not stopping.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await stopping.wait()
            await store()
        # What came while the last one was stored.
        await store()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run())
        try:
            yield
        finally:
            stopping.set()


@asynccontextmanager
async def alongside(**works: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Runs each of ``works``, by its name, inside the block, and ends them with it. One that fails is logged.

    A task group would tell whoever is outside of an error of the block's own as one of a group.
    """
    tasks = [asyncio.create_task(work, name=name) for name, work in works.items()]
    for task in tasks:
        task.add_done_callback(_tell_failure)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _tell_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a loop ended", loop=task.get_name(), exc_info=error)


def heed_cancellation() -> None:
    """For loops that bear failures: ends one that was cancelled all the same.

    A cancellation that meets a failure inside a library can come out as that failure. Who bears it would then go on,
    and whoever waits for the loop to end would wait for ever.

    Raises:
        CancelledError: the task that calls was cancelled, and has not ended yet.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
