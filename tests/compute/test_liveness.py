"""A machine that stops without a word is noticed in seconds; a busy one is left alone."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from distributed import Client, Future

from cluster_ai.compute.liveness import silent
from tests.compute.parts import Dask
from tests.waiting import until

pytestmark = pytest.mark.real

HOLD_THE_GIL = """
import ctypes, time
# PyDLL keeps the GIL while the C function runs: no heartbeat leaves this process.
ctypes.PyDLL(None).sleep({seconds})
"""


def test_silence_is_longer_than_the_limit() -> None:
    assert silent({"a": 10.0, "b": 7.0, "c": 6.9}, 10.0, 3.0) == ["c"]


@contextmanager
def client_of(parts: Dask) -> Iterator[Client]:
    with Client(parts.address, set_as_default=False, timeout=10) as client:
        yield client


def names(client: Client) -> set[str]:
    return {worker["name"] for worker in client.scheduler_info(n_workers=-1)["workers"].values()}


def silence(client: Client) -> float:
    """Seconds since the quietest worker was heard."""
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    return time.time() - min(worker["last_seen"] for worker in workers)


def test_stopped_machine_is_removed_and_its_tasks_go_elsewhere(cluster: Dask) -> None:
    with client_of(cluster) as client:
        until(lambda: names(client) == {"worker-0", "worker-1"}, seconds=10, what="both workers")
        address = f"tcp://127.0.0.1:{cluster.worker_ports(0)[0]}"
        tasks = [client.submit(pow, n, 2, pure=False, workers=[address], allow_other_workers=True) for n in range(4)]
        family = cluster.family(cluster.workers[0])
        for process in family:
            process.suspend()
        stopped = time.monotonic()
        try:
            late = client.map(abs, range(-20, 0), pure=False)
            until(lambda: names(client) == {"worker-1"}, seconds=9, what="the stopped worker is removed")
            seen = time.monotonic() - stopped
            print(f"removed after {seen:.1f} s")
            assert seen > 3, "a worker may be silent for a while"
            assert client.gather([*tasks, *late], errors="raise") == [0, 1, 4, 9, *range(20, 0, -1)]
            assert '"worker removed: it and its nanny are silent"' in cluster.log("scheduler")
        finally:
            for process in family:
                process.resume()
        # What was taken for dead leaves by itself and is started again, as its supervisor would.
        assert cluster.workers[0].wait(timeout=20) in {0, 1}
        cluster.start_worker(0)
        cluster.wait_workers()


def test_task_that_holds_the_gil_is_no_death(cluster: Dask) -> None:
    with client_of(cluster) as client:
        until(lambda: names(client) == {"worker-0", "worker-1"}, seconds=20, what="both workers")
        before = {process.pid for index in (0, 1) for process in cluster.family(cluster.workers[index])}
        held: Future = client.submit(exec, HOLD_THE_GIL.format(seconds=8), pure=False)
        longest = 0.0
        while not held.done():
            assert names(client) == {"worker-0", "worker-1"}
            longest = max(longest, silence(client))
            time.sleep(0.2)
        assert held.status == "finished"
        assert longest > 6, "it was silent for long enough to be suspected"
        after = {process.pid for index in (0, 1) for process in cluster.family(cluster.workers[index])}
        assert before == after


def test_short_stop_is_forgiven(cluster: Dask, tmp_path: Path) -> None:
    with client_of(cluster) as client:
        until(lambda: names(client) == {"worker-0", "worker-1"}, seconds=20, what="both workers")
        family = cluster.family(cluster.workers[1])
        for process in family:
            os.kill(process.pid, signal.SIGSTOP)
        time.sleep(1.5)
        for process in family:
            os.kill(process.pid, signal.SIGCONT)
        assert client.submit(os.getpid, pure=False, workers=["worker-1"]).result(timeout=5) in {p.pid for p in family}
