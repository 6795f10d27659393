"""Two gateways with a home each, as on two machines: one Redis, the same nodes. The restart of one is no loss to either."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.fleet import Fleet
from tests.gateway.restart.clients import Stream, ask, client, spread
from tests.gateway.restart.conftest import Stage, opened, warm
from tests.keys.redis_server import RedisServer, running_redis
from tests.waiting import until

pytestmark = [pytest.mark.real]
SLOTS = 4


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path) as server:
        yield server


@pytest.fixture
def two(nodes: Fleet, tmp_path: Path, redis: RedisServer) -> Iterator[tuple[Stage, Stage]]:
    warm(nodes)
    with contextlib.ExitStack() as stack:
        started = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            stage = opened(tmp_path / name, nodes, slots=SLOTS, redis_url=redis.url)
            started.append(stack.enter_context(stage))
        yield started[0], started[1]


def test_they_do_not_both_fill_the_same_places(two: tuple[Stage, Stage], nodes: Fleet) -> None:
    first, second = two

    async def run() -> list[Stream]:
        async with client() as session:
            # More than there are places, at one gateway; then the other comes with as many.
            streams = await spread(session, first.url, count=16, seconds=0.2, tokens=40)
            await asyncio.sleep(0.6)
            streams += await spread(session, second.url, count=16, seconds=1, tokens=40)
            return await asyncio.gather(*streams)

    seen = asyncio.run(run())
    assert all(one.is_whole for one in seen), [one for one in seen if not one.is_whole][:2]
    # What one has just taken, the other learns a moment later.
    assert max(node.counters().max_in_flight for node in nodes.nodes) <= SLOTS + 1
    late = [one.ttft for one in seen[16:]]
    assert max(late) > 0.5, "the second waited for places instead of taking what was taken"


def test_the_restart_of_one_loses_no_request_of_either(two: tuple[Stage, Stage]) -> None:
    first, second = two
    old = first.pid()

    async def run() -> list[Stream]:
        async with client() as session:
            streams = await spread(session, first.url, count=8, seconds=0.4, tokens=40)
            streams += await spread(session, second.url, count=8, seconds=0.4, tokens=40)
            await first.control.restart("gateway")
            for _ in range(10):
                streams += await spread(session, first.url, count=2, seconds=0.2, tokens=10)
                streams += await spread(session, second.url, count=2, seconds=0.2, tokens=10)
            return await asyncio.gather(*streams)

    seen = asyncio.run(run())
    assert all(one.is_whole for one in seen), [one for one in seen if not one.is_whole][:2]
    until(lambda: first.pid() != old, what="the first was replaced")


def test_each_goes_on_alone_when_their_redis_is_gone(two: tuple[Stage, Stage], redis: RedisServer) -> None:
    first, second = two
    redis.freeze()
    try:
        until(lambda: "counts calls for itself alone" in first.log(), what="the log says so")

        async def run() -> list[int]:
            async with client() as session:
                urls = [first.url, second.url] * 20
                return await asyncio.gather(*(ask(session, url) for url in urls))

        assert set(asyncio.run(run())) == {200}
    finally:
        redis.thaw()
