"""Who takes part in a job is asked of the scheduler, and not of what the client remembers."""

import asyncio
from pathlib import Path

import pytest

from cluster_ai.compute.jobs.session import SchedulerLost, connected
from cluster_ai.compute.jobs.sight import near, who_sees
from tests.compute.parts import PATIENCE, Dask, dask

pytestmark = pytest.mark.real


def test_workers_are_known_whatever_the_client_remembers(cluster: Dask) -> None:
    async def story() -> None:
        async with connected(cluster.address) as client:
            # Its own looks at the scheduler, one each two seconds, leave the workers out.
            async with asyncio.timeout(PATIENCE):
                while client.scheduler_info()["workers"]:
                    await asyncio.sleep(0.1)
            assert await near(client, "http://127.0.0.1:1") is None, "all workers are on this machine"
            assert await who_sees(client, Path(__file__)) == (None, ())

    asyncio.run(story())


def test_a_scheduler_that_goes_away_meanwhile_is_told_as_lost(tmp_path: Path) -> None:
    async def story(parts: Dask) -> None:
        async with connected(parts.address) as client:
            assert parts.scheduler
            parts.scheduler.kill()
            await asyncio.to_thread(parts.scheduler.wait)
            with pytest.raises(SchedulerLost):
                await near(client, "http://127.0.0.1:1")

    with dask(tmp_path) as parts:
        asyncio.run(story(parts))
