"""Events reach other processes through a real Redis: while it is there, after it was away, and when it was emptied."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import trustme
from redis.exceptions import NoPermissionError

from cluster_ai.core import redis_bus
from cluster_ai.core.bus import Bus, Subscription
from cluster_ai.core.errors import Misconfigured
from cluster_ai.core.events import Event
from cluster_ai.core.redis_bus import STREAM, SharedBus
from cluster_ai.core.redis_link import RedisRefused, connected
from cluster_ai.core.redis_locks import Locks
from cluster_ai.gateway.nodes.exchanges import open_redis
from cluster_ai.keys.shared import open_shared
from cluster_ai.keys.windows import Claim
from tests.keys.redis_server import RedisServer, running_redis
from tests.ports import free_port
from tests.told import told_by

pytestmark = pytest.mark.real


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path) as server:
        yield server


def event(number: int, kind: str = "ticket.ready", word: str = "ação") -> Event:
    return Event(f"e{number}", kind, f"t{number}", {"number": number, "word": word}, float(number))


async def met(check: Callable[[], bool], *, seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not check():
            await asyncio.sleep(0.01)


class Ear:
    """Notes what a bus tells."""

    def __init__(self, subscription: Subscription) -> None:
        self.heard: list[Event] = []
        self.pictures: list[object] = []
        self._subscription = subscription

    async def listen(self) -> None:
        async for message in self._subscription:
            if isinstance(message.data, Event):
                self.heard.append(message.data)
            else:
                self.pictures.append(message.data)

    @property
    def ids(self) -> list[str]:
        return [one.id for one in self.heard]


@asynccontextmanager
async def hearing(bus: Bus, *topics: str) -> AsyncIterator[Ear]:
    with bus.subscribe(*topics, bound=100_000) as subscription:
        ear = Ear(subscription)
        task = asyncio.create_task(ear.listen())
        try:
            yield ear
        finally:
            task.cancel()
            await asyncio.wait({task})


class Pair:
    """Two processes' buses, and what the second one hears."""

    def __init__(self, here: SharedBus, there: SharedBus, ear: Ear) -> None:
        self.here, self.there, self.ear = here, there, ear


@asynccontextmanager
async def pair(url: str) -> AsyncIterator[Pair]:
    here, there = SharedBus(url, origin="here"), SharedBus(url, origin="there")
    async with AsyncExitStack() as stack:
        ear = await stack.enter_async_context(hearing(there))
        await stack.enter_async_context(there.running())
        await stack.enter_async_context(here.running())
        yield Pair(here, there, ear)


def test_events_come_whole_in_order_and_once_and_pictures_stay_here(redis: RedisServer) -> None:
    async def story() -> None:
        async with pair(redis.url) as both, hearing(both.here) as own:
            for number in range(250):
                both.here.publish("ticket", event(number))
            both.here.publish("overview", {"picture": 1})
            both.there.publish("plan", event(999, "plan.completed"))
            shown = {"id": "m1", "type": "plan.failed", "subject": "p1", "at": 1.0, "data": {"word": "ação"}}
            both.here.publish("plan", shown)
            await met(lambda: len(both.ear.ids) == 251 and "e999" in own.ids)
            assert [one for one in both.ear.heard if one.topic == "ticket"] == [event(n) for n in range(250)]
            assert len(own.heard) == 251, "its own once, and the other's"
            await met(lambda: bool(both.ear.pictures))
            assert own.pictures == [{"picture": 1}, shown]
            assert both.ear.pictures == [shown], "an event in the form that readers are shown is one, too"
            assert both.there.traffic.received == 251
            assert both.there.traffic.missed == both.here.traffic.dropped == 0

    asyncio.run(story())


def test_another_process_is_told(redis: RedisServer) -> None:
    code = f"""
import asyncio
from cluster_ai.core.events import Event
from cluster_ai.core.redis_bus import SharedBus
async def main():
    bus = SharedBus({redis.url!r}, origin="child")
    async with bus.running():
        bus.publish("slo", Event("x1", "slo.violated", "chat", {{"left": 0.5}}, 3.0))
        while bus.buffered:
            await asyncio.sleep(0.01)
asyncio.run(main())
"""

    async def story() -> None:
        bus = SharedBus(redis.url, origin="here")
        async with hearing(bus, "slo") as ear, bus.running():
            await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], check=True, timeout=60)
            await met(lambda: bool(ear.heard))
            assert ear.heard == [Event("x1", "slo.violated", "chat", {"left": 0.5}, 3.0)]

    asyncio.run(story())


def test_outage_and_return(redis: RedisServer) -> None:
    """Nobody here waits for it; what happened meanwhile is told when it is back."""

    async def story() -> None:
        async with pair(redis.url) as both, hearing(both.here) as own:
            both.here.publish("ticket", event(0))
            await met(lambda: both.ear.ids == ["e0"])
            await asyncio.to_thread(redis.stop)
            for number in range(1, 101):
                both.here.publish("ticket", event(number))
            await met(lambda: len(own.ids) == 101)
            await met(lambda: not both.here.traffic.reachable and not both.there.traffic.reachable)
            assert both.here.buffered == 100
            assert both.here.traffic.problem
            await asyncio.to_thread(redis.start)
            await met(lambda: both.ear.ids == [f"e{n}" for n in range(101)])
            await met(lambda: both.here.traffic.reachable and both.there.traffic.reachable)
            # The other one may hear of it before we know that it was taken.
            await met(lambda: both.here.buffered == 0)
            assert both.here.traffic.dropped == both.there.traffic.missed == 0

    asyncio.run(story())


def test_frozen_redis_is_an_outage_too(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_bus, "ANSWER_SECONDS", 2.5)

    async def story() -> None:
        async with pair(redis.url) as both:
            redis.freeze()
            both.here.publish("ticket", event(1))
            await met(lambda: not both.here.traffic.reachable)
            redis.thaw()
            await met(lambda: both.ear.ids == ["e1"])
            assert both.there.traffic.missed == 0

    asyncio.run(story())


def test_absent_at_the_start_it_is_waited_for(tmp_path: Path) -> None:
    async def story() -> None:
        server = RedisServer(tmp_path)
        bus = SharedBus(server.url, origin="here")
        async with hearing(bus) as ear, bus.running():
            bus.publish("ticket", event(1))
            await met(lambda: ear.ids == ["e1"])
            assert not bus.traffic.reachable
            await asyncio.to_thread(server.start)
            try:
                await met(lambda: bus.buffered == 0 and bus.traffic.reachable)
            finally:
                await asyncio.to_thread(server.stop)

    asyncio.run(story())


def test_bound_on_what_waits_and_both_ends_count_what_is_lost(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_bus, "BUFFERED", 50)

    async def story() -> None:
        async with pair(redis.url) as both:
            both.here.publish("ticket", event(0))
            await met(lambda: both.ear.ids == ["e0"])
            await asyncio.to_thread(redis.stop)
            await met(lambda: not both.here.traffic.reachable)
            for number in range(1, 121):
                both.here.publish("ticket", event(number))
            assert (both.here.buffered, both.here.traffic.dropped) == (50, 70)
            await asyncio.to_thread(redis.start)
            await met(lambda: len(both.ear.ids) == 51)
            assert both.ear.ids == ["e0", *(f"e{n}" for n in range(71, 121))], "the youngest were kept"
            assert both.there.traffic.missed == 70

    asyncio.run(story())


def test_large_events_are_bounded_by_their_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_bus, "BUFFERED_CHARACTERS", 10_000)
    bus = SharedBus("redis://127.0.0.1:1/0", origin="here")
    for number in range(100):
        bus.publish("ticket", event(number, word="x" * 900))
    assert bus.buffered < 12
    assert bus.buffered + bus.traffic.dropped == 100


def test_reader_goes_on_where_it_was(redis: RedisServer) -> None:
    async def story() -> None:
        here = SharedBus(redis.url, origin="here")
        first = SharedBus(redis.url, origin="first")
        async with here.running():
            async with hearing(first) as ear, first.running():
                here.publish("ticket", event(1))
                await met(lambda: ear.ids == ["e1"])
                cursor = first.cursor
            for number in (2, 3):
                here.publish("ticket", event(number))
            await met(lambda: here.buffered == 0)
            again = SharedBus(redis.url, origin="again", after=cursor)
            fresh = SharedBus(redis.url, origin="fresh")
            async with hearing(again) as ear, hearing(fresh) as new, again.running(), fresh.running():
                await met(lambda: ear.ids == ["e2", "e3"])
                here.publish("ticket", event(4))
                await met(lambda: new.ids == ["e4"])

    asyncio.run(story())


def test_flushed_while_running(redis: RedisServer) -> None:
    async def story() -> None:
        async with pair(redis.url) as both, connected(redis.url, seconds=5) as other:
            both.here.publish("ticket", event(1))
            await met(lambda: both.ear.ids == ["e1"])
            await other.flushall()
            both.here.publish("ticket", event(2))
            await met(lambda: both.ear.ids == ["e1", "e2"])
            # A stream that begins anew behind where the reader is: its clock was set back, say.
            await other.flushall()
            await other.xadd(STREAM, {"o": "third", "n": "1", "e": "not json"}, id="1-1")
            await met(lambda: both.there.traffic.unreadable == 1)
            assert both.ear.ids == ["e1", "e2"]

    asyncio.run(story())


def test_memory_full_is_an_outage_until_there_is_room(tmp_path: Path) -> None:
    async def story(server: RedisServer) -> None:
        async with pair(server.url) as both, connected(server.url, seconds=5) as other:
            both.here.publish("ticket", event(1))
            await met(lambda: both.ear.ids == ["e1"])
            used = int((await other.info("memory"))["used_memory"])
            await other.config_set("maxmemory", str(used // 2))
            with told_by(redis_bus) as logs:
                both.here.publish("ticket", event(2, word="a secret of somebody's"))
                await met(lambda: both.here.buffered == 1 and "no memory" in both.here.traffic.problem)
                assert both.here.traffic.problems["reading"] == ""
            assert logs, "it says that Redis takes nothing"
            assert "a secret" not in str(logs)
            await other.config_set("maxmemory", "0")
            await met(lambda: both.ear.ids == ["e1", "e2"])
            assert both.there.traffic.missed == 0

    with running_redis(tmp_path, "--maxmemory-policy", "noeviction") as server:
        asyncio.run(story(server))


def test_wrong_password_is_told_at_the_start_and_the_right_one_is_not_shown(tmp_path: Path) -> None:
    async def story(server: RedisServer) -> None:
        place = server.url.removeprefix("redis://")
        for front in ("redis://", "redis://:wrong-hunter2@", "redis://nobody:hunter2@"):
            with pytest.raises(RedisRefused) as refused:
                async with SharedBus(f"{front}{place}", origin="here").running():
                    pass
            assert refused.value.code == "redis_refused"
            assert "redis_url" in refused.value.hint
            assert "hunter2" not in refused.value.message + refused.value.hint
        async with (
            pair(f"redis://:hunter2@{place}") as both,
            connected(f"redis://:hunter2@{place}", seconds=5) as other,
        ):
            both.here.publish("ticket", event(1))
            await met(lambda: both.ear.ids == ["e1"])
            # Changed while we run: an outage with a reason, and no end of this process.
            await other.config_set("requirepass", "another")
            await other.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            both.here.publish("ticket", event(2))
            await met(lambda: "refuses" in both.here.traffic.problem)
            await other.config_set("requirepass", "hunter2")
            await met(lambda: both.ear.ids == ["e1", "e2"])

    with running_redis(tmp_path, "--requirepass", "hunter2") as server:
        asyncio.run(story(server))


def test_under_tls_with_an_authority_of_our_own(tmp_path: Path) -> None:
    authority, port = trustme.CA(), free_port()
    identity = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    identity.private_key_pem.write_to_path(tmp_path / "key.pem")
    identity.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    options = ["--tls-port", str(port), "--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem"]
    options += ["--tls-ca-cert-file", "ca.pem", "--tls-auth-clients", "no"]

    async def story() -> None:
        url = f"rediss://127.0.0.1:{port}/0"
        async with pair(f"{url}?ssl_ca_certs={tmp_path / 'ca.pem'}") as both:
            both.here.publish("ticket", event(1))
            await met(lambda: both.ear.ids == ["e1"])
        stranger = SharedBus(url, origin="stranger")
        async with stranger.running():
            assert not stranger.traffic.reachable, "nobody vouches for that certificate"

    with running_redis(tmp_path, *options):
        asyncio.run(story())


def test_text_that_is_no_address_is_refused_without_being_repeated() -> None:
    async def story() -> None:
        with pytest.raises(Misconfigured) as refused:
            async with SharedBus("http://:hunter2@h/", origin="here").running():
                pass
        assert "hunter2" not in refused.value.message

    asyncio.run(story())


def test_batch_that_is_sent_twice_is_heard_once(redis: RedisServer) -> None:
    async def story() -> None:
        async with pair(redis.url) as both, connected(redis.url, seconds=5) as other:
            both.here.publish("ticket", event(1))
            both.here.publish("ticket", event(2))
            await met(lambda: both.ear.ids == ["e1", "e2"])
            for _, fields in await other.xrange(STREAM):
                await other.xadd(STREAM, fields)
            both.here.publish("ticket", event(3))
            await met(lambda: "e3" in both.ear.ids)
            assert both.ear.ids == ["e1", "e2", "e3"]

    asyncio.run(story())


def test_rights_that_the_page_names_are_enough(redis: RedisServer) -> None:
    """For the bus, locks, the limits of keys and what gateways tell each other."""
    page = (Path(__file__).parents[2] / "docs/reference/redis.md").read_text(encoding="utf-8")
    words = page.partition("ACL SETUSER ")[2].partition("```")[0].split()
    assert words[:3] == ["cluster", "on", ">PASSWORD"]
    url = f"redis://cluster:PASSWORD@{redis.url.removeprefix('redis://')}"

    async def story() -> None:
        async with connected(redis.url, seconds=5) as admin:
            await admin.execute_command("ACL", "SETUSER", *words)
        async with pair(url) as both:
            both.here.publish("ticket", event(1))
            await met(lambda: both.ear.ids == ["e1"])
        async with connected(url, seconds=5) as client:
            async with Locks(client).hold("tidy", seconds=60) as held:
                assert await Locks(client).extend(held, seconds=60)
            with pytest.raises(NoPermissionError):
                await client.flushall()
            with pytest.raises(NoPermissionError):
                await client.get("another:key")
        async with open_shared(url, seconds=5) as counters:
            await counters.warm()
            claim = Claim("rm", 60, 1, 10)
            assert (await counters.take("k", [claim])).refused is None
            await counters.add("k", [claim], at=0.0)
        async with open_redis(url, who="here") as exchange:
            await exchange.swap(b"{}")
            await exchange.leave()

    asyncio.run(story())
