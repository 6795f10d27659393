"""A loop outlives what fails in it, and ends when it is told to, whatever becomes of that inside."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from cluster_ai.core.loops import every

pytestmark = pytest.mark.anyio


async def test_a_tick_that_fails_is_not_the_last() -> None:
    ticks, enough = 0, asyncio.Event()

    async def tick() -> None:
        nonlocal ticks
        ticks += 1
        if ticks == 3:
            enough.set()
        raise LookupError("a bad day")

    async with asyncio.timeout(10):
        loop = asyncio.create_task(every(0, tick, name="test"))
        await enough.wait()
        await _ended(loop)


def _failing() -> Callable[[], Awaitable[None]]:
    async def tick() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            # As a library does whose way out fails, too.
            raise ConnectionResetError("the connection was lost")

    return tick


def _bearing() -> Callable[[], Awaitable[None]]:
    failing = _failing()

    async def tick() -> None:
        try:
            await failing()
        except OSError:
            return

    return tick


@pytest.mark.parametrize("make", [_failing, _bearing])
async def test_it_ends_though_the_order_to_end_came_out_as_a_failure(
    make: Callable[[], Callable[[], Awaitable[None]]],
) -> None:
    async with asyncio.timeout(10):
        loop = asyncio.create_task(every(0, make(), name="test"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await _ended(loop)


async def _ended(loop: "asyncio.Task[None]") -> None:
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
