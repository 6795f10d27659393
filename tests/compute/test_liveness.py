"""A machine that stops without a word is noticed in seconds; a busy one is left alone."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from distributed import Client, Future

from tests.compute.parts import HOLD_THE_GIL, PATIENCE, Dask, workers_of
from tests.waiting import until

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]
BOTH = {"worker-0", "worker-1"}

REMOVED = '"worker removed: it and its nanny are silent"'


@contextmanager
def client_of(parts: Dask) -> Iterator[Client]:
    with Client(parts.address, set_as_default=False, timeout=PATIENCE) as client:
        until(lambda: names(client) == BOTH, seconds=PATIENCE, what="both workers")
        yield client


def names(client: Client) -> set[str]:
    return {worker["name"] for worker in workers_of(client).values()}


def silence(client: Client) -> float:
    """Seconds since the quietest worker was heard."""
    workers = workers_of(client).values()
    return time.time() - min(worker["last_seen"] for worker in workers)


def test_stopped_machine_is_removed_and_its_tasks_go_elsewhere(cluster: Dask) -> None:
    with client_of(cluster) as client:
        address = f"tcp://127.0.0.1:{cluster.worker_ports(0)[0]}"
        tasks = [client.submit(pow, n, 2, pure=False, workers=[address], allow_other_workers=True) for n in range(4)]
        family = cluster.family(cluster.workers[0])
        for process in family:
            process.suspend()
        try:
            late = client.map(abs, range(-20, 0), pure=False)
            until(lambda: names(client) == {"worker-1"}, seconds=PATIENCE, what="the stopped worker is removed")
            assert client.gather([*tasks, *late], errors="raise") == [0, 1, 4, 9, *range(20, 0, -1)]
            # Dask's own patience would have taken it for dead after 60 seconds, and said so in other words.
            assert REMOVED in cluster.log("scheduler")
        finally:
            for process in family:
                process.resume()
        # What was taken for dead leaves by itself and is started again, as its supervisor would.
        assert cluster.workers[0].wait(timeout=PATIENCE) in {0, 1}
        cluster.start_worker(0)
        cluster.wait_workers()


def test_task_that_holds_the_gil_is_no_death(cluster: Dask) -> None:
    with client_of(cluster) as client:
        before = {process.pid for index in (0, 1) for process in cluster.family(cluster.workers[index])}
        held: Future = client.submit(exec, HOLD_THE_GIL.format(seconds=8), pure=False)
        longest = 0.0
        while not held.done():
            assert names(client) == BOTH
            longest = max(longest, silence(client))
            time.sleep(0.2)
        assert held.status == "finished"
        assert longest > 4, "it was silent for long enough to be suspected"
        after = {process.pid for index in (0, 1) for process in cluster.family(cluster.workers[index])}
        assert before == after


def test_short_stop_is_forgiven(cluster: Dask, tmp_path: Path) -> None:
    with client_of(cluster) as client:
        family = cluster.family(cluster.workers[1])
        for process in family:
            os.kill(process.pid, signal.SIGSTOP)
        time.sleep(1.5)
        for process in family:
            os.kill(process.pid, signal.SIGCONT)
        assert client.submit(os.getpid, pure=False, workers=["worker-1"]).result(timeout=PATIENCE) in {
            p.pid for p in family
        }


def test_scheduler_that_was_held_up_blames_nobody(cluster: Dask) -> None:
    assert cluster.scheduler
    with client_of(cluster) as client:
        said = len(cluster.log("scheduler"))
        workers = {process.pid for index in (0, 1) for process in cluster.family(cluster.workers[index])}
        everybody = [
            psutil.Process(cluster.scheduler.pid),
            *(process for index in (0, 1) for process in cluster.family(cluster.workers[index])),
        ]
        # As a machine that sleeps, with all that runs on it; the scheduler is the first to wake.
        for process in everybody:
            process.suspend()
        time.sleep(6)
        everybody[0].resume()
        time.sleep(2.5)
        for process in everybody[1:]:
            process.resume()
        assert client.submit(pow, 3, 2, pure=False).result(timeout=PATIENCE) == 9
        assert names(client) == BOTH
        assert REMOVED not in cluster.log("scheduler")[said:]
        assert workers == {process.pid for index in (0, 1) for process in cluster.family(cluster.workers[index])}
