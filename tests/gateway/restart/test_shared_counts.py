"""Two gateways on one node see each other's calls, over a real Redis or a folder, and do without when it is away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from cluster_ai.gateway.nodes.exchanges import FolderExchange, open_redis
from cluster_ai.gateway.nodes.picture import Picture
from cluster_ai.gateway.nodes.pool import Pool
from cluster_ai.gateway.nodes.shared import LIFE_SECONDS, TURN_SECONDS, Exchange, Home, Shared
from cluster_ai.gateway.nodes.upstreams import Upstream
from cluster_ai.gateway.types import GatewaySettings, ModelView, UpstreamKind
from tests.keys.redis_server import RedisServer, running_redis

MODEL = ModelView(name="smollm2:135m")
FAR = "http://192.0.2.7:11434"


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@contextlib.asynccontextmanager
async def over_redis(place: RedisServer, who: str) -> AsyncIterator[Exchange]:
    async with open_redis(place.url, who=who) as exchange:
        yield exchange


@contextlib.asynccontextmanager
async def over_folder(place: Path, who: str) -> AsyncIterator[Exchange]:
    yield FolderExchange(place, who=who)


Over = Callable[[str], contextlib.AbstractAsyncContextManager[Exchange]]


@pytest.fixture(params=["redis", "folder"])
def over(request: pytest.FixtureRequest, tmp_path: Path) -> Over:
    """Opens an exchange for whoever is named."""
    if request.param == "folder":
        return lambda who: over_folder(tmp_path, who)
    place = request.getfixturevalue("redis")
    # Names of its own for each test: what another one left may not be gone yet.
    return lambda who: over_redis(place, f"{tmp_path.name}-{who}")


def node(url: str = FAR, name: str = "far") -> tuple[Pool, Upstream]:
    """A gateway's view of one node with one model."""
    pool = Pool(GatewaySettings(), embedded_url=None, clock=lambda: 0.0)
    upstream = pool.add(name, url, UpstreamKind.OLLAMA)
    upstream.seen(Picture("1", (MODEL,)), 0.0)
    upstream.lane(MODEL)
    return pool, upstream


def call(upstream: Upstream, count: int) -> None:
    upstream.lane(MODEL).inflight = upstream.inflight = count


def test_the_calls_of_the_other_count_and_each_may_name_the_node_as_it_likes(over: Over) -> None:
    async def run() -> None:
        (pool_a, node_a), (pool_b, node_b) = node(), node(name="weit")
        call(node_a, 3)
        async with over("a") as left, over("b") as right:
            a, b = Shared(pool_a, left, Home("one", "left")), Shared(pool_b, right, Home("two", "right"))
            await a.tick()
            await b.tick()
            assert b.others_inflight("weit", MODEL.name) == 3
            assert (node_b.lane(MODEL).elsewhere, node_b.elsewhere) == (3, 3)
            await a.tick()
            assert a.others_inflight("far", MODEL.name) == 0, "its own calls are not the others'"
            call(node_a, 0)
            await a.tick()
            await b.tick()
            assert node_b.lane(MODEL).elsewhere == 0

    asyncio.run(run())


def test_two_machines_have_a_loopback_each(over: Over) -> None:
    async def run() -> None:
        url = "http://127.0.0.1:11434"
        (pool_a, node_a), (pool_b, _), (pool_c, _) = node(url), node(url), node(url)
        call(node_a, 2)
        async with over("a") as one, over("b") as two, over("c") as three:
            await Shared(pool_a, one, Home("here", "one")).tick()
            same, other = Shared(pool_b, two, Home("here", "two")), Shared(pool_c, three, Home("there", "three"))
            await same.tick()
            await other.tick()
            assert same.others_inflight("far", MODEL.name) == 2
            assert other.others_inflight("far", MODEL.name) == 0

    asyncio.run(run())


def test_what_a_dead_gateway_said_is_forgotten(over: Over) -> None:
    async def run() -> None:
        (pool_a, node_a), (pool_b, node_b) = node(), node()
        call(node_a, 5)
        async with over("a") as left, over("b") as right:
            b = Shared(pool_b, right, Home("two", "right"))
            await Shared(pool_a, left, Home("one", "left")).tick()
            await b.tick()
            assert node_b.elsewhere == 5
            await asyncio.sleep(LIFE_SECONDS + 0.2)
            await b.tick()
            assert node_b.elsewhere == 0

    asyncio.run(run())


def test_a_gateway_that_ends_takes_its_word_away(over: Over) -> None:
    async def run() -> None:
        (pool_a, node_a), (pool_b, node_b) = node(), node()
        call(node_a, 5)
        async with over("a") as left, over("b") as right:
            running = asyncio.create_task(Shared(pool_a, left, Home("one", "left")).run())
            b = Shared(pool_b, right, Home("two", "right"))
            async with asyncio.timeout(5):
                while not node_b.elsewhere:
                    await b.tick()
            running.cancel()
            await asyncio.wait({running})
            await b.tick()
            assert node_b.elsewhere == 0

    asyncio.run(run())


def test_without_its_redis_each_counts_alone_until_it_is_back(tmp_path: Path) -> None:
    async def run(server: RedisServer) -> None:
        (pool_a, node_a), (pool_b, node_b) = node(), node()
        call(node_a, 4)
        async with open_redis(server.url, who="a") as left, open_redis(server.url, who="b") as right:
            a, b = Shared(pool_a, left, Home("one", "left")), Shared(pool_b, right, Home("two", "right"))
            await a.tick()
            await b.tick()
            assert node_b.elsewhere == 4
            await asyncio.to_thread(server.stop)
            await b.tick()
            assert node_b.elsewhere == 0
            await asyncio.to_thread(server.start)
            # The first question still goes out on a connection that is dead.
            async with asyncio.timeout(5):
                while node_b.elsewhere != 4:
                    await a.tick()
                    await b.tick()

    with running_redis(tmp_path) as server:
        asyncio.run(run(server))


def test_nonsense_from_another_version_is_nobodys_calls(tmp_path: Path) -> None:
    async def run() -> None:
        pool, upstream = node()
        odd = b'{"calls": {"%s": {"m": -1, "n": true}}, "waiting": 3}' % FAR.encode()
        for number, word in enumerate((b"", b"[1]", b'{"calls": 3}', odd)):
            (tmp_path / f"inflight.{number}").write_bytes(word)
        await Shared(pool, FolderExchange(tmp_path, who="me"), Home("one", "me")).tick()
        assert upstream.elsewhere == 0

    asyncio.run(run())


def test_while_both_have_calls_waiting_each_gets_its_share_of_a_node(tmp_path: Path) -> None:
    """Without shares the one that has the places keeps them: it learns first of each that gets free."""

    async def run() -> None:
        (pool_a, node_a), (pool_b, node_b) = node(), node()
        for one in (node_a, node_b):
            one.lane(MODEL).capacity.declared = 4
        queued = {MODEL.name: 9}
        exchanges = FolderExchange(tmp_path, who="a"), FolderExchange(tmp_path, who="b")
        a = Shared(pool_a, exchanges[0], Home("one", "a"), waiting=lambda: queued)
        b = Shared(pool_b, exchanges[1], Home("two", "b"), waiting=lambda: queued)
        call(node_a, 4)
        for shared in (a, b, a):
            await shared.tick()
        assert node_a.lane(MODEL).taken(4) == 4, "nothing more, also when one of its four has ended"
        call(node_a, 2)
        assert node_a.lane(MODEL).taken(4) == 4, "the two that are free now are the other's"
        await a.tick()
        await b.tick()
        assert node_b.lane(MODEL).taken(4) == 2
        queued.clear()
        for shared in (a, b, a):
            await shared.tick()
        assert node_a.lane(MODEL).taken(4) == 2, "nobody waits: all places are for whoever comes"

    asyncio.run(run())


def test_one_place_for_two_is_each_ones_in_turn(tmp_path: Path) -> None:
    async def run() -> list[tuple[bool, bool]]:
        (pool_a, node_a), (pool_b, node_b) = node(), node()
        now, lanes = [0.0], (node_a.lane(MODEL), node_b.lane(MODEL))
        for lane in lanes:
            lane.capacity.declared = 1
        shareds = [
            Shared(
                pool,
                FolderExchange(tmp_path, who=who),
                Home(who, who),
                waiting=lambda: {MODEL.name: 1},
                now=lambda: now[0],
            )
            for pool, who in ((pool_a, "a"), (pool_b, "b"))
        ]
        found = []
        for turn in range(4):
            now[0] = turn * TURN_SECONDS
            for shared in (*shareds, *shareds):
                await shared.tick()
            found.append(tuple(lane.taken(1) < 1 for lane in lanes))
        return found

    found = asyncio.run(run())
    assert all(sum(turn) == 1 for turn in found), "never both, and never nobody"
    assert len(set(found)) == 2
