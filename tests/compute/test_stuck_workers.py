"""A worker that is stuck is started anew by its nanny; what time of day it is has no say in that."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from multiprocessing import resource_tracker
from pathlib import Path

import dask
import pytest
from distributed import Nanny, Scheduler

from cluster_ai.compute.config import scheduler_values
from cluster_ai.compute.liveness import Liveness, Patience

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]
QUICK = Patience(pulse=0.05, look=0.1, silence=2.0, stuck=4.0)
Story = Callable[[Scheduler, Nanny], Awaitable[None]]


@pytest.fixture(scope="module", autouse=True)
def no_helper_of_pythons_is_left() -> Iterator[None]:
    """Whoever starts a process by ``spawn`` gets one more, which stays for as long as it itself."""
    yield
    resource_tracker._resource_tracker._stop()


def told(folder: Path, story: Story) -> None:
    """With a scheduler of ours and one worker below its nanny."""

    async def play() -> None:
        async with (
            Scheduler(host="127.0.0.1", port=0, dashboard=False, plugins=[Liveness(QUICK)]) as scheduler,
            Nanny(scheduler.address, nthreads=1, local_directory=str(folder), dashboard=False) as nanny,
        ):
            await story(scheduler, nanny)

    with dask.config.set(scheduler_values(dashboard_port=1, saturation=1.0, scratch=folder)):
        asyncio.run(play())


async def met(check: Callable[[], bool], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not check():
            await asyncio.sleep(0.05)


def test_a_worker_that_is_stuck_is_started_anew(tmp_path: Path) -> None:
    async def story(scheduler: Scheduler, nanny: Nanny) -> None:
        before = nanny.pid
        assert before
        os.kill(before, signal.SIGSTOP)
        await met(lambda: nanny.pid not in {None, before})
        await met(lambda: len(scheduler.workers) == 1)

    told(tmp_path, story)


def test_a_clock_that_is_set_forward_starts_nobody_anew(tmp_path: Path) -> None:
    async def story(scheduler: Scheduler, nanny: Nanny) -> None:
        before = nanny.pid
        for _ in range(60):
            for worker in scheduler.workers.values():
                # As everything looks that was heard before the clock was set.
                worker.last_seen -= 3600.0
            await asyncio.sleep(0.1)
        assert scheduler.worker_ttl is None
        assert "check-worker-ttl" not in str(scheduler.periodic_callbacks.keys())
        assert nanny.pid == before

    told(tmp_path, story)
