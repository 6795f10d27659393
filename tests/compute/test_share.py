"""A worker gets what its machine and the settings give: as many threads, and as much memory as its nanny lets it take."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from distributed import Client, KilledWorker

from cluster_ai.compute.types import ComputeView, ShareView, WorkerView
from cluster_ai.compute.watch import SchedulerWatch
from cluster_ai.nodes.inventory import Gpu, GpuVendor, Inventory
from cluster_ai.nodes.sensors.tree import Tree
from cluster_ai.parts import parts
from cluster_ai.settings import Settings, load
from cluster_ai.shares import ground_of, machine_now, share_here, share_in, told_share, view_of
from tests.compute.parts import PATIENCE, ROOT
from tests.ports import free_base
from tests.waiting import until

GIB = 1024**3
MIB = 1024**2
GREEDY = """
held = []
import time
while True:
    held.append(bytearray(b"x") * (8 << 20))
    time.sleep(0.01)
"""


def settings_of(folder: Path, text: str) -> Settings:
    folder.mkdir(exist_ok=True)
    (folder / "config.toml").write_text(text)
    return load({"CLUSTER_AI_HOME": str(folder)})


def test_settings_stand_above_what_the_machine_gives(tmp_path: Path) -> None:
    laptop = Inventory(hostname="", memory=16 * GIB, cores=8)
    assert told_share(settings_of(tmp_path, ""), laptop).workers == 1
    wished = settings_of(tmp_path, "[compute]\nworkers = 3\nthreads = 2\nmemory_limit = '1.5GiB'")
    told = told_share(wished, laptop)
    assert (told.workers, told.threads, told.memory, told.why_none) == (3, 2, 1536 * MIB, "")
    less = share_in(laptop, settings_of(tmp_path, "[compute]\nmodels_memory = '12GiB'"))
    assert less.memory == (16 * GIB - 16 * GIB // 10 - 12 * GIB) // MIB * MIB


def test_why_there_is_no_worker_is_told(tmp_path: Path) -> None:
    laptop, tiny = Inventory(hostname="", memory=16 * GIB, cores=8), Inventory(hostname="", memory=GIB, cores=1)
    assert told_share(settings_of(tmp_path, ""), tiny).why_none == "memory"
    none = settings_of(tmp_path, "[compute]\nworkers = 0")
    assert told_share(none, laptop).why_none == "settings"
    assert not [part for part in parts(none) if part.name.startswith("worker")]


def test_a_gpu_of_a_processor_is_none_that_an_engine_computes_on(tmp_path: Path) -> None:
    def ground(vendor: GpuVendor, memory: int) -> tuple[int, ...]:
        gpu = Gpu(vendor=vendor, index=0, memory=memory)
        return ground_of(Inventory(hostname="", gpus=(gpu,)), settings_of(tmp_path, "")).gpus

    assert ground(GpuVendor.INTEL, 0) == ground(GpuVendor.AMD, 0) == ()
    assert ground(GpuVendor.AMD, 16 * GIB) == (16 * GIB,)
    assert ground(GpuVendor.NVIDIA, 0) == (0,), "a Jetson computes on what shares the memory"


def test_a_machine_that_serves_no_models_is_for_workers(tmp_path: Path) -> None:
    laptop = Inventory(hostname="", memory=16 * GIB, cores=8)
    joined = '[agent]\nhead = ["https://10.0.0.1:8443"]\nname = "mouse"\nbind = "10.0.0.2"\nengine = "{}"\n'
    models = share_in(laptop, settings_of(tmp_path, joined.format("auto")))
    none = share_in(laptop, settings_of(tmp_path, joined.format("none")))
    assert none.workers * none.memory > 1.9 * models.workers * models.memory


def test_this_machine_is_read(tmp_path: Path) -> None:
    found = machine_now()
    assert found.memory >= GIB
    assert found.cores >= 1
    nothing = machine_now(Tree(tmp_path), gpus=lambda: ())
    assert (nothing.memory, nothing.gpus) == (0, ())


@dataclass
class Box:
    """Parts of a head, each a process as its supervisor starts it."""

    home: Path
    base: int
    processes: dict[str, subprocess.Popen[bytes]]

    @property
    def settings(self) -> Settings:
        return load({"CLUSTER_AI_HOME": str(self.home)})

    @property
    def scheduler(self) -> str:
        return f"127.0.0.1:{self.settings.effective_ports.scheduler}"

    def set(self, compute: str) -> None:
        self.home.mkdir(exist_ok=True)
        (self.home / "config.toml").write_text(
            f"port_base = {self.base}\n[node]\nenabled = false\n[compute]\n{compute}\n"
        )

    def start(self, *part: str) -> None:
        env = {**os.environ, "CLUSTER_AI_HOME": str(self.home), "PYTHONPATH": str(ROOT)}
        env["PYTHONPYCACHEPREFIX"] = str(self.home.parent / "bytecode")
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        argv = [sys.executable, "-m", "cluster_ai.serve", *part]
        with (self.home / "log").open("ab") as log:
            self.processes["-".join(part)] = subprocess.Popen(argv, env=env, stdout=log, stderr=log)

    def stop(self, name: str) -> None:
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=PATIENCE)

    def worker(self) -> WorkerView | None:
        async def look(address: str) -> ComputeView:
            async with SchedulerWatch(address, "") as watch:
                return await watch.view()

        return next(iter(asyncio.run(look(self.scheduler)).workers), None)

    def new_worker(self) -> WorkerView:
        """The one that is there after the one before has gone."""
        if "worker-0" in self.processes:
            self.stop("worker-0")
            until(lambda: self.worker() is None, seconds=PATIENCE, what="the old one is gone")
        self.start("worker", "0")
        return until(self.worker, seconds=PATIENCE, what="the worker is there")


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    with boxed(tmp_path) as found:
        yield found


@contextmanager
def boxed(folder: Path) -> Iterator[Box]:
    box = Box(folder / "home", free_base(), {})
    box.set("")
    box.start("scheduler")
    try:
        yield box
    finally:
        for name in sorted(box.processes, reverse=True):
            box.stop(name)


@pytest.mark.real
@pytest.mark.timeout(900)
def test_a_worker_has_what_was_said_and_its_nanny_holds_it_to_that(box: Box) -> None:
    share = share_here(box.settings)
    first = box.new_worker()
    assert (first.threads, first.memory_limit) == (share.threads, share.memory)
    box.set("threads = 3\nmemory_limit = '512MiB'")
    unchanged = until(box.worker, seconds=PATIENCE, what="the scheduler has time to say")
    assert unchanged.memory_limit == share.memory, "one that runs keeps what it got"
    second = box.new_worker()
    assert (second.threads, second.memory_limit) == (3, 512 * MIB)
    with Client(box.scheduler, set_as_default=False, timeout=PATIENCE) as client:
        greedy = client.submit(exec, GREEDY, pure=False)
        assert isinstance(greedy.exception(timeout=PATIENCE), KilledWorker)
    until(box.worker, seconds=PATIENCE, what="a new worker process in its place")


def test_what_is_shown_is_what_is_given(tmp_path: Path) -> None:
    share = share_in(Inventory(hostname="", memory=16 * GIB, cores=8), settings_of(tmp_path, ""))
    assert view_of(share) == ShareView(workers=1, threads=4, memory=share.memory)
