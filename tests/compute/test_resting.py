"""A machine that rests gets no new tasks; what it has comes to its end."""

import asyncio
import os
from pathlib import Path

import pytest
from distributed import Client

from cluster_ai.compute.scaling import HERE
from cluster_ai.compute.types import ComputeView
from cluster_ai.compute.watch import SchedulerWatch
from tests.compute.parts import PATIENCE, Dask, dask
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]
WAITS = """
import os, time
while not os.path.exists({gate!r}): time.sleep(0.02)
"""


def tell(parts: Dask, *resting: str) -> ComputeView:
    """Which machines rest, as the head says it with each of its looks."""

    async def once() -> ComputeView:
        async with SchedulerWatch(parts.address, "") as watch:
            # What the first answer tells of workers was read before the scheduler heard who rests.
            for _ in range(2):
                while not (view := await watch.view(resting=resting)).reachable:
                    await asyncio.sleep(0.1)
            return view

    return asyncio.run(asyncio.wait_for(once(), PATIENCE))


def paused(view: ComputeView) -> set[str]:
    return {worker.name for worker in view.workers if worker.paused}


def pids(client: Client, count: int = 12) -> set[int]:
    return set(client.gather([client.submit(os.getpid, pure=False) for _ in range(count)]))


def test_a_machine_that_rests_gets_no_new_tasks_until_it_is_taken_back(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with dask(tmp_path, workers=1) as parts:
        parts.post = {"name": "mouse-0"}
        parts.start_worker(1)
        parts.wait_workers()
        with Client(parts.address, set_as_default=False, timeout=PATIENCE) as client:
            of_mouse = client.submit(os.getpid, workers=["mouse-0"], pure=False).result(timeout=PATIENCE)
            running = client.submit(exec, WAITS.format(gate=str(gate)), workers=["mouse-0"], pure=False)
            until(lambda: any(client.processing().values()), seconds=PATIENCE, what="mouse has a task")

            assert paused(tell(parts, "mouse")) == {"mouse-0"}
            assert of_mouse not in pids(client)
            late = client.submit(os.getpid, workers=["mouse-0"], pure=False)
            gate.touch()
            assert running.result(timeout=PATIENCE) is None, "what ran there came to its end"
            assert late.status == "pending", "what wants that machine alone waits for it"

            # Another life of its worker rests, too; and a scheduler hears of it anew.
            parts.workers[1].terminate()
            parts.workers[1].wait(timeout=PATIENCE)
            parts.start_worker(1)
            parts.wait_workers()
            assert paused(tell(parts, "mouse")) == {"mouse-0"}

            assert paused(tell(parts)) == set()
            again = late.result(timeout=PATIENCE)
            assert again != of_mouse, "by its new worker"
        with Client(parts.address, set_as_default=False, timeout=PATIENCE) as client:
            assert paused(tell(parts, HERE)) == {"worker-0"}
            assert pids(client) == {again}
            assert paused(tell(parts)) == set()
            until(lambda: len(pids(client)) == 2, seconds=PATIENCE, what="both work again")
