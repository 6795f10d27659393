"""The registry for programs on an event loop::

    async with registered(client, Registration(name="painter", capabilities={"paint"}, url=url)) as lease:
        lease.telemetry = Telemetry(load=0.3)
        for found in await discover(client, Query(capabilities={"chat"})):
            print(found.instance.url, found.score.total)

``sync`` in ``registry_sync`` is the same for programs that wait.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress

from cluster_ai.client import instances
from cluster_ai.client.aio import AsyncClient
from cluster_ai.client.instances import Lease
from cluster_ai.client.live import Reconnect, Trouble
from cluster_ai.core.errors import ClusterError, Unavailable
from cluster_ai.core.loops import heed_cancellation
from cluster_ai.registry.types import Change, Instance, Query, Ranked, Registration

FAREWELL_SECONDS = 2.0
"""For taking leave; whoever cannot is forgotten when its lease is over."""


@asynccontextmanager
async def registered(
    client: AsyncClient, wanted: Registration, *, on_trouble: Trouble | None = None
) -> AsyncIterator[Lease]:
    """Registered as long as the block lasts, through outages and restarts of the registry.

    ``on_trouble`` is told why a beat failed, and the pause until the next, in seconds.

    Raises:
        ClusterError: the registry did not take it in the first place.
    """
    instance = await client.send(instances.register(wanted))
    lease = Lease(wanted, instance, rng=random.Random())  # noqa: S311 - spreads retries, guards nothing
    beating = asyncio.create_task(_beat(client, lease, on_trouble))
    try:
        yield lease
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating
        with suppress(ClusterError, TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                await client.send(instances.deregister(lease.instance.id, seconds=FAREWELL_SECONDS))


async def discover(client: AsyncClient, query: Query) -> tuple[Ranked, ...]:
    """The best that fit, the best first."""
    return await client.send(instances.discover(query))


async def instances_of(client: AsyncClient, query: Query) -> tuple[Instance, ...]:
    """All that fit, healthy or not."""
    return await client.send(instances.listed(query))


async def mark(client: AsyncClient, instance_id: str, *, ok: bool) -> None:
    """Tells the registry how a call to an instance went, for those who look for one next."""
    await client.send(instances.mark(instance_id, ok=ok))


async def watch(
    client: AsyncClient,
    *,
    kind: str = "",
    after: str = "",
    reconnect: Reconnect | None = None,
    on_trouble: Trouble | None = None,
) -> AsyncGenerator[Change, None]:
    """Changes for ever, through outages: where it can without a gap, else beginning with ``reset``.

    Close it with ``contextlib.aclosing``.

    Raises:
        ClusterError: one that waiting does not mend (not signed in).
    """
    policy, rng, failures = reconnect or Reconnect(), random.Random(), 0  # noqa: S311
    while True:
        try:
            async with client.lines(instances.watch(kind=kind, after=after, seconds=policy.silence)) as lines:
                async for line in lines:
                    change = Change.model_validate(line)
                    after, failures = change.cursor, 0
                    yield change
            trouble = Unavailable("the server ended the stream")
        except Unavailable as exc:
            trouble = exc
        pause = policy.pause(failures, rng)
        failures += 1
        if on_trouble is not None:
            on_trouble(trouble, pause)
        await asyncio.sleep(pause)


async def _beat(client: AsyncClient, lease: Lease, on_trouble: Trouble | None) -> None:
    while True:
        if not lease.must_register_at_once:
            await asyncio.sleep(lease.pause())
        try:
            lease.heard(await client.send(lease.beat()))
        except ClusterError as exc:
            heed_cancellation()
            lease.missed(exc)
            if on_trouble is not None:
                on_trouble(exc, lease.pause())
