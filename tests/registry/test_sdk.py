"""The SDK against the real API process: a lease that lasts as long as its block, through kill -9 of the server."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, aclosing

import pytest

from cluster_ai.client import AsyncClient, Reconnect, registry, registry_sync
from cluster_ai.client.instances import Lease, deregister, get
from cluster_ai.core.errors import ClusterError, Unauthenticated, Unavailable
from cluster_ai.registry.types import Instance, Query, Registration, State, Telemetry, UnknownInstance, What
from tests.registry.api_process import ApiProcess, api_process
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.anyio]

LEASE = 1.0


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    with api_process(tmp_path_factory.mktemp("sdk") / "home") as running:
        yield running


@pytest.fixture
def api(process: ApiProcess) -> ApiProcess:
    if process.popens[-1].poll() is not None:
        process.start()
    return process


def painter(**more: object) -> Registration:
    return Registration(name="painter", capabilities={"paint"}, lease_seconds=LEASE, **more)


async def eventually(check: object, *, seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not await check():
            await asyncio.sleep(0.05)


async def test_it_lives_as_long_as_the_block_and_tells_its_figures(api: ApiProcess) -> None:
    async with api.aclient() as client:
        async with registry.registered(client, painter()) as lease:
            one = lease.instance.id
            lease.telemetry = Telemetry(load=0.25)

            async def told() -> bool:
                return (await client.send(get(one))).telemetry.load == 0.25

            await eventually(told)
            # Without beats it would be gone by then.
            await asyncio.sleep(2.5 * LEASE)
            (found,) = await registry.discover(client, Query(capabilities={"paint"}))
            assert (found.instance.id, found.instance.state) == (one, State.HEALTHY)
        assert await registry.instances_of(client, Query(capabilities={"paint"})) == ()


async def test_its_own_word_takes_it_out_of_service(api: ApiProcess) -> None:
    async with api.aclient() as client, registry.registered(client, painter()) as lease:
        lease.well = False

        async def degraded() -> bool:
            return (await client.send(get(lease.instance.id))).state is State.DEGRADED

        await eventually(degraded)
        assert await registry.discover(client, Query(capabilities={"paint"})) == ()


async def test_marks_of_callers_reach_the_ranking(api: ApiProcess) -> None:
    async with api.aclient() as client, registry.registered(client, painter()) as lease:
        await registry.mark(client, lease.instance.id, ok=True)
        (found,) = await registry.discover(client, Query(capabilities={"paint"}))
        assert found.score.trail > 0.6


async def test_a_refused_registration_is_an_error_at_once(api: ApiProcess) -> None:
    async with AsyncClient(api.url, token="wrong") as client:
        with pytest.raises(Unauthenticated):
            async with registry.registered(client, painter()):
                raise AssertionError("it was let in")


async def test_one_client_holds_many_leases(api: ApiProcess) -> None:
    async with api.aclient() as client, AsyncExitStack() as stack:
        for number in range(20):
            await stack.enter_async_context(registry.registered(client, painter(id=f"p{number}")))
        await asyncio.sleep(1.5 * LEASE)
        assert len(await registry.discover(client, Query(capabilities={"paint"}, top=50))) == 20


async def test_it_outlives_kill_9_of_the_server_and_comes_back_under_its_id(api: ApiProcess) -> None:
    troubles: list[ClusterError] = []
    async with (
        api.aclient() as client,
        registry.registered(client, painter(), on_trouble=lambda error, _: troubles.append(error)) as lease,
    ):
        one = lease.instance.id
        await asyncio.to_thread(api.kill)

        async def noticed() -> bool:
            return isinstance(lease.trouble, Unavailable)

        await eventually(noticed)
        await asyncio.to_thread(api.start)

        async def back() -> bool:
            rows = await registry.discover(client, Query(capabilities={"paint"}))
            return lease.trouble is None and [row.instance.id for row in rows] == [one]

        await eventually(back)
    assert UnknownInstance.code in {error.code for error in troubles}


async def test_a_watch_goes_on_after_kill_9_with_all_that_is_there(api: ApiProcess) -> None:
    whats: list[What] = []
    note = whats.append
    fast = Reconnect(first=0.05, cap=0.2)

    async def follow(client: object) -> None:
        async with aclosing(registry.watch(client, kind="watched", reconnect=fast)) as changes:
            async for change in changes:
                note(change.what)

    async with api.aclient() as client:
        following = asyncio.create_task(follow(client))

        async def counted(what: What, count: int) -> None:
            async def so_many() -> bool:
                return whats.count(what) >= count

            await eventually(so_many)

        await counted(What.READY, 1)
        async with registry.registered(client, painter(kind="watched")):
            await counted(What.ADDED, 1)
            await asyncio.to_thread(api.kill)
            await asyncio.to_thread(api.start)
            await counted(What.RESET, 2)
            await counted(What.ADDED, 2)
        await counted(What.REMOVED, 1)
        following.cancel()
        with pytest.raises(asyncio.CancelledError):
            await following


async def test_leaving_does_not_wait_for_a_dead_server(api: ApiProcess) -> None:
    async with api.aclient() as client:
        async with registry.registered(client, painter()):
            await asyncio.to_thread(api.kill)
            began = time.monotonic()
        assert time.monotonic() - began < 10


def test_the_waiting_one_does_the_same(api: ApiProcess) -> None:
    with api.client() as client:
        with registry_sync.registered(client, painter()) as lease:
            one = lease.instance.id
            time.sleep(2.5 * LEASE)
            assert [row.instance.id for row in registry_sync.discover(client, Query(capabilities={"paint"}))] == [one]
            api.kill()
            until(lambda: lease.trouble is not None, what="a beat fails")
            api.start()
            until(lambda: client.send(get(one)).id == one, seconds=20, what="it is back", bears=(ClusterError,))
            changes = registry_sync.watch(client)
            assert next(changes).what is What.RESET
            changes.close()
        with pytest.raises(ClusterError) as gone:
            client.send(get(one))
        assert gone.value.code == UnknownInstance.code


def test_a_lease_that_somebody_ended_registers_again(api: ApiProcess) -> None:
    with api.client() as client, registry_sync.registered(client, painter()) as lease:
        one = lease.instance.id
        client.send(deregister(one))
        until(lambda: client.send(get(one)).id == one, what="it is back", bears=(ClusterError,))


def test_failed_beats_come_sooner_and_then_less_and_less_often() -> None:
    import random

    instance = Instance(id="a", kind="service", name="a", lease_seconds=6.0, registered_at=0.0, seen_at=0.0)
    lease = Lease(Registration(name="a"), instance, rng=random.Random(1))
    assert lease.pause() == 2.0
    pauses = []
    for _ in range(8):
        lease.missed(Unavailable("away"))
        pauses.append(lease.pause())
    assert pauses[0] <= 0.5
    assert 2.5 <= pauses[-1] <= 5.0
    assert not lease.must_register_at_once
    lease.missed(UnknownInstance("who?"))
    assert lease.must_register_at_once
    lease.missed(Unavailable("away again"))
    assert not lease.must_register_at_once
    assert lease.beat().method == "POST"
    lease.heard(instance)
    assert (lease.beat().method, lease.pause()) == ("PUT", 2.0)
