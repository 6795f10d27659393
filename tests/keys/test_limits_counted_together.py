"""Several gateways count in one real Redis: exactly; and each for itself when Redis goes away, without a pause."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from cluster_ai.core.errors import Misconfigured
from cluster_ai.keys import meter as module
from cluster_ai.keys.meter import Meter
from cluster_ai.keys.shared import open_shared
from cluster_ai.keys.types import LimitReached, Limits
from cluster_ai.keys.windows import DAY, MINUTE
from tests.keys.redis_server import RedisServer, running_redis
from tests.told import told_by

pytestmark = pytest.mark.real
# By Redis's clock a minute may end inside a test; a day hardly does, and this test would then say so.
DAYS = Limits(requests_per_day=100)
SECONDS = 1.0


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path) as server:
        yield server


@asynccontextmanager
async def meters(redis: RedisServer, count: int, *, seconds: float = 10.0) -> AsyncIterator[list[Meter]]:
    """As many gateways; their clocks differ by days."""
    async with AsyncExitStack() as stack:
        found = []
        for number in range(count):
            shared = await stack.enter_async_context(open_shared(redis.url, seconds=seconds))
            meter = Meter(now=lambda off=number: time.time() + off * DAY, shared=shared)
            await stack.enter_async_context(meter.running())
            found.append(meter)
        yield found


async def passes(meter: Meter, limits: Limits, tokens: int = 0, key: str = "k") -> bool:
    try:
        await meter.reserve(key, limits, tokens=tokens)
    except LimitReached:
        return False
    return True


async def until_true(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await check():
            await asyncio.sleep(0.02)


def test_exactly_the_limit_passes_of_200_calls_at_two_gateways(redis: RedisServer) -> None:
    async def story() -> None:
        async with meters(redis, 2) as both:
            calls = (passes(both[number % 2], DAYS) for number in range(200))
            assert sum(await asyncio.gather(*calls)) == 100
            assert not await passes(both[0], DAYS)
            assert await passes(both[0], DAYS, key="another")

    asyncio.run(story())


def test_several_limits_are_taken_all_or_none(redis: RedisServer) -> None:
    async def story() -> None:
        async with meters(redis, 2) as both:
            limits = Limits(requests_per_day=4, tokens_per_day=100)
            calls = [passes(both[number % 2], limits, 60) for number in range(40)]
            assert sum(await asyncio.gather(*calls)) == 1
            assert [await passes(both[0], limits, 10) for _ in range(4)] == [True, True, True, False]

    asyncio.run(story())


def test_tokens_put_right_at_one_gateway_count_at_the_other(redis: RedisServer) -> None:
    async def story() -> None:
        async with meters(redis, 2) as (one, two):
            limits = Limits(tokens_per_day=100)
            reservation = await one.reserve("k", limits, tokens=100)
            assert reservation is not None
            assert not await passes(two, limits, 50)
            one.settle(reservation, used=20)
            await until_true(lambda: passes(two, limits, 80))
            assert not await passes(one, limits, 1)

    asyncio.run(story())


@pytest.mark.parametrize("how", ["stop", "freeze"])
def test_redis_that_goes_away_holds_no_call_up_and_is_used_again(redis: RedisServer, how: str) -> None:
    async def story() -> None:
        # Longer than a gateway waits, so that a busy machine is not taken for a Redis that is gone; a hundred calls
        # that waited one after another would take a hundred times as long.
        async with meters(redis, 1, seconds=SECONDS) as [meter]:
            limits = Limits(requests_per_day=50)
            assert sum([await passes(meter, limits) for _ in range(10)]) == 10
            getattr(redis, how)()
            with told_by(module) as logs:
                began = time.perf_counter()
                assert sum(await asyncio.gather(*(passes(meter, limits) for _ in range(100)))) == 40, "as it counted"
                took = time.perf_counter() - began
            assert took < 10 * SECONDS, "one wait for all of them, on a busy machine"
            assert [row["event"] for row in logs] == ["each gateway counts limits for itself"]
            redis.start() if how == "stop" else redis.thaw()
            with told_by(module) as logs:
                await until_true(lambda: passes(meter, limits, key=f"probe-{time.time()}"))

                async def back() -> bool:
                    return any(row["event"] == "limits are counted together again" for row in logs)

                await until_true(back)

    asyncio.run(story())


def test_counters_end_with_their_windows(redis: RedisServer) -> None:
    async def story() -> None:
        async with open_shared(redis.url, seconds=10) as shared:
            meter = Meter(now=time.time, shared=shared)
            await meter.reserve("k", Limits(requests_per_minute=5, tokens_per_day=5), tokens=1)
            names = {name.decode() for name in await shared._redis.keys("*")}
            lives = {name.split(":")[3]: await shared._redis.ttl(name) for name in names}
        assert all(name.startswith("cluster-ai:limit:{k}:") for name in names)
        assert MINUTE <= lives["rm"] <= 2 * MINUTE
        assert DAY <= lives["td"] <= DAY + MINUTE

    asyncio.run(story())


def test_address_that_is_none_is_refused() -> None:
    async def story() -> None:
        with pytest.raises(Misconfigured, match="redis_url"):
            async with open_shared("http://127.0.0.1"):
                pass

    asyncio.run(story())
