"""Locks over a real Redis: one holder at a time, none for ever, and nobody ends another's."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from cluster_ai.core.redis_link import RedisUnavailable, connected
from cluster_ai.core.redis_locks import Busy, Locks
from tests.keys.redis_server import RedisServer, running_redis

pytestmark = pytest.mark.real
Story = Callable[[Locks, Locks], Awaitable[None]]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path) as server:
        yield server


def tell(redis: RedisServer, story: Story) -> None:
    """Two processes, as Redis sees them."""

    async def tell() -> None:
        async with connected(redis.url, seconds=5) as here, connected(redis.url, seconds=5) as there:
            await story(Locks(here), Locks(there))

    asyncio.run(tell())


def test_one_holds_it_and_the_next_gets_a_larger_fence(redis: RedisServer) -> None:
    async def story(here: Locks, there: Locks) -> None:
        async with here.hold("tidy", seconds=60) as first:
            with pytest.raises(Busy):
                await there.take("tidy", seconds=60)
            async with there.hold("other", seconds=60):
                pass
        async with there.hold("tidy", seconds=60) as second:
            assert second.fence > first.fence

    tell(redis, story)


def test_of_many_at_once_one_wins(redis: RedisServer) -> None:
    async def story(here: Locks, there: Locks) -> None:
        asked = [locks.take("race", seconds=60) for locks in (here, there) for _ in range(20)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(answer, Busy) for answer in answers) == 39

    tell(redis, story)


def test_it_runs_out_and_whoever_had_it_ends_nobody_elses(redis: RedisServer) -> None:
    async def story(here: Locks, there: Locks) -> None:
        old = await here.take("tidy", seconds=0.05)
        async with asyncio.timeout(60):
            while True:
                try:
                    new = await there.take("tidy", seconds=60)
                    break
                except Busy:
                    await asyncio.sleep(0.01)
        assert not await here.extend(old, seconds=60)
        assert not await here.release(old)
        with pytest.raises(Busy):
            await here.take("tidy", seconds=60)
        assert await there.extend(new, seconds=60)
        assert await there.release(new)
        assert new.fence > old.fence

    tell(redis, story)


def test_emptied_redis_forgets_the_lock_and_the_fence_still_grows(redis: RedisServer) -> None:
    """This is why nothing that must be right rests on it: both believe that they hold it."""

    async def story(here: Locks, there: Locks) -> None:
        first = await here.take("tidy", seconds=60)
        await here.redis.flushall()
        second = await there.take("tidy", seconds=60)
        assert second.fence > first.fence

    tell(redis, story)


def test_without_redis_nobody_can_say(redis: RedisServer) -> None:
    async def story(here: Locks, there: Locks) -> None:
        async with here.hold("tidy", seconds=60):
            await asyncio.to_thread(redis.stop)
            with pytest.raises(RedisUnavailable):
                await there.take("tidy", seconds=60)
        await asyncio.to_thread(redis.start)
        async with there.hold("tidy", seconds=60):
            pass

    tell(redis, story)


def test_turns_at_work_that_need_not_be_done_twice(redis: RedisServer) -> None:
    async def story(here: Locks, there: Locks) -> None:
        async with here.turn("tidy", seconds=60) as ours, there.turn("tidy", seconds=60) as theirs:
            assert (ours, theirs) == (True, False)
        async with there.turn("tidy", seconds=60) as theirs:
            assert theirs
            await asyncio.to_thread(redis.stop)
        async with here.turn("tidy", seconds=60) as ours:
            assert ours, "nobody can say: then everybody does it"
        with pytest.raises(ValueError, match="of the work"):
            async with here.turn("tidy", seconds=60):
                raise ValueError("of the work")

    tell(redis, story)
