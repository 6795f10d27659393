"""What waits longer than it may is ended, and only that: a deadline is used again and again, and by tasks in turn."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
import uvloop

from cluster_ai.core.deadline import Deadline

SOON, LONG = 0.05, 30.0
MILLISECOND = 0.001
"""uvloop's clock counts no less."""


def run(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


async def times_out(deadline: Deadline, seconds: float) -> bool:
    try:
        with deadline.of(seconds):
            await asyncio.sleep(LONG)
    except TimeoutError:
        return True
    return False


def test_what_takes_too_long_is_ended_and_the_next_is_not() -> None:
    async def work() -> None:
        deadline = Deadline()
        assert await times_out(deadline, SOON)
        with deadline.of(LONG):
            await asyncio.sleep(2 * SOON)
        assert await times_out(deadline, SOON), "the timer of the long block does not hide the end of the short one"
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()

    run(work())


def test_an_end_that_moves_away_is_waited_for() -> None:
    async def work() -> None:
        deadline, loop = Deadline(), asyncio.get_running_loop()
        began = loop.time()
        for _ in range(4):
            with deadline.of(10 * SOON):
                await asyncio.sleep(4 * SOON)
        assert loop.time() - began >= 4 * (4 * SOON - MILLISECOND)
        with deadline.of(LONG) as wait:
            wait.move(loop.time() + SOON)
            with pytest.raises(asyncio.CancelledError):
                await asyncio.sleep(LONG)
            task = asyncio.current_task()
            assert task is not None
            assert task.cancelling() == 1
        assert task.cancelling() == 0, "what was swallowed inside is no debt"

    run(work())


def test_between_blocks_nothing_is_ended() -> None:
    async def work() -> None:
        deadline = Deadline()
        with deadline.of(SOON):
            pass
        await asyncio.sleep(3 * SOON)
        with deadline.of(LONG):
            await asyncio.sleep(SOON)

    run(work())


def test_who_rests_is_not_ended_whoever_moves_the_end() -> None:
    async def work() -> None:
        deadline, loop = Deadline(), asyncio.get_running_loop()
        with deadline.of(LONG):
            deadline.rest()
            deadline.move(loop.time())
            await asyncio.sleep(SOON)
            deadline.of(LONG).move(loop.time())
            with pytest.raises(asyncio.CancelledError):
                await asyncio.sleep(LONG)
        deadline.close()

    run(work())


def test_another_task_may_use_it_next() -> None:
    async def work() -> None:
        deadline = Deadline()
        assert await asyncio.create_task(times_out(deadline, SOON))
        assert await times_out(deadline, SOON)

    run(work())


def test_who_is_cancelled_from_outside_is_not_told_of_time() -> None:
    async def work() -> None:
        deadline = Deadline()
        task = asyncio.create_task(times_out(deadline, LONG))
        await asyncio.sleep(SOON)
        task.cancel()
        deadline.move(asyncio.get_running_loop().time())
        with pytest.raises(asyncio.CancelledError):
            await task
        deadline.close()

    run(work())


def test_one_inside_another() -> None:
    async def work() -> None:
        with Deadline().of(LONG):
            assert await times_out(Deadline(), SOON)
        with pytest.raises(TimeoutError), Deadline().of(SOON):
            assert not await times_out(Deadline(), LONG)

    run(work())


def test_a_grace_is_given_once() -> None:
    async def work() -> None:
        deadline, asked = Deadline(), list[float]()
        deadline.grace = lambda: asked.append(SOON) or 3 * SOON
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await times_out(deadline, SOON)
        assert loop.time() - began >= 4 * (SOON - MILLISECOND)
        assert await times_out(deadline, SOON)
        assert len(asked) == 1

    run(work())
