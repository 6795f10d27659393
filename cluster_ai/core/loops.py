"""A loop is ``tick()``, which tests call, and ``every()``, which calls it."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)


async def every(seconds: float, tick: Callable[[], Awaitable[None]], *, name: str) -> None:
    """Runs ``tick`` now and then each ``seconds``, until cancelled. A tick that fails is logged."""
    while True:
        try:
            await tick()
        except Exception:  # a loop outlives one bad tick; the log has the story
            log.exception("tick failed", loop=name)
        await asyncio.sleep(seconds)
