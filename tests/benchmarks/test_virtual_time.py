"""Simulated time: an hour of waiting is over at once, in the right order, and a deadlock is said to be one."""

import asyncio
import time

import pytest

from benchmarks.simulator.loop import Deadlock, run


def test_an_hour_passes_at_once_and_in_order() -> None:
    async def work() -> list[tuple[str, float]]:
        loop, told = asyncio.get_running_loop(), []

        async def one(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            told.append((name, round(loop.time(), 3)))

        await asyncio.gather(one("late", 3600), one("early", 0.5), one("middle", 60))
        return told

    began = time.monotonic()
    assert run(work()) == [("early", 0.5), ("middle", 60.0), ("late", 3600.0)]
    assert time.monotonic() - began < 30


def test_a_time_limit_counts_virtual_seconds() -> None:
    async def work() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(100):
                await asyncio.sleep(1000)
        return asyncio.get_running_loop().time()

    assert run(work()) == pytest.approx(100)


def test_what_waits_for_nothing_is_a_deadlock() -> None:
    async def work() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Deadlock):
        run(work())
