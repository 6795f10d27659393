"""Starts and ends the real parts on free ports."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import psutil
from distributed import Client

from tests.ports import WIDTH, free_base
from tests.waiting import until

ROOT = Path(__file__).parents[2]
LAUNCHER = Path(__file__).with_name("launcher.py")
PATIENCE = 60.0
"""Seconds that anything here may take: an end to waiting on a box where all is lost, and no measure of ours."""
PORTS = itertools.chain.from_iterable(range(base, base + WIDTH) for base in iter(free_base, None))
HOLD_THE_GIL = """
import ctypes, time
# PyDLL keeps the GIL while the C function runs: no heartbeat leaves this process.
ctypes.PyDLL(None).sleep({seconds})
"""
T = TypeVar("T")


def free_ports(count: int) -> list[int]:
    """Ports that are this process's alone, and that no test had before."""
    return list(itertools.islice(PORTS, count))


def workers_of(client: Client) -> dict[str, dict[str, Any]]:
    """As the scheduler has them now. (``scheduler_info`` may answer what the client asked for by itself: none.)"""
    found: dict[str, dict[str, Any]] = client.sync(client.scheduler.identity, n_workers=-1)["workers"]
    return found


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Dask:
    """A scheduler and its workers, each a process of its own."""

    scratch: Path
    ports: list[int] = field(default_factory=lambda: free_ports(6))
    scheduler: subprocess.Popen[bytes] | None = None
    workers: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    logged: dict[str, int] = field(default_factory=dict)
    seat: dict[str, Any] = field(default_factory=dict)
    """What the scheduler is told beside its ports."""
    post: dict[str, Any] = field(default_factory=dict)
    """What every worker is told beside its own."""
    others: list[subprocess.Popen[bytes]] = field(default_factory=list)
    """Further processes that end with it."""
    prefix: tuple[str, ...] = ()
    """Put before each command: enters the namespace of a host."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.ports[0]}"

    @property
    def dashboard(self) -> int:
        return self.ports[1]

    def worker_ports(self, index: int) -> tuple[int, int]:
        return self.ports[2 + 2 * index], self.ports[3 + 2 * index]

    def log(self, name: str) -> str:
        return (self.scratch / f"{name}.log").read_text()

    def new_log(self, name: str) -> str:
        """What the part wrote since it was started last."""
        return (self.scratch / f"{name}.log").read_bytes()[self.logged[name] :].decode()

    def start_scheduler(self) -> None:
        seat = {"port": self.ports[0], "dashboard_port": self.ports[1], "scratch": str(self.scratch)}
        self.scheduler = self.start("scheduler", "scheduler", seat | self.seat)
        until(lambda: self._is_up("scheduler listens"), seconds=PATIENCE, what="the scheduler listens")

    def _is_up(self, words: str) -> bool:
        assert self.scheduler
        said = self.new_log("scheduler")
        assert self.scheduler.poll() is None, said
        return words in said

    def start_worker(self, index: int, *, threads: int = 1) -> None:
        name = f"worker-{index}"
        post = {"name": name, "ports": self.worker_ports(index), "scheduler": self.address, "threads": threads}
        self.workers[index] = self.start("worker", name, {**post, "scratch": str(self.scratch), **self.post})

    def runs(self, index: int) -> bool:
        """Its start has come to an end, not only to an open port."""
        return "worker runs" in self.new_log(f"worker-{index}")

    def wait_workers(self) -> None:
        for index in self.workers:
            until(partial(self.runs, index), seconds=PATIENCE, what=f"worker-{index} runs")

    def environment(self) -> dict[str, str]:
        """Python is compiled once a test session, whatever this machine says: Dask is large, and starts often here."""
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(self.scratch.parent / "bytecode")}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        return env

    def start(self, kind: str, name: str, said: dict[str, Any]) -> subprocess.Popen[bytes]:
        with (self.scratch / f"{name}.log").open("ab") as log:
            self.logged[name] = log.tell()
            argv = [*self.prefix, sys.executable, str(LAUNCHER), kind, json.dumps(said)]
            return subprocess.Popen(
                argv, env=self.environment() | self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def family(self, process: subprocess.Popen[bytes]) -> list[psutil.Process]:
        top = psutil.Process(process.pid)
        return [top, *top.children(recursive=True)]

    def lose_scheduler(self) -> None:
        """Kills it, and starts all again as the supervisor would."""
        assert self.scheduler
        self.scheduler.kill()
        self.scheduler.wait()
        for worker in self.workers.values():
            worker.wait(timeout=PATIENCE)
        self.start_scheduler()
        for index in self.workers:
            self.start_worker(index)

    def stop(self) -> None:
        """Workers first, as a supervisor does it."""
        _end([*self.workers.values(), *self.others])
        _end([self.scheduler] if self.scheduler else [])


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
    for process in processes:
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def dask(scratch: Path, *, workers: int = 1, threads: int = 1) -> Iterator[Dask]:
    """A scheduler with ``workers`` workers that have registered."""
    parts = Dask(scratch)
    try:
        parts.start_scheduler()
        for index in range(workers):
            parts.start_worker(index, threads=threads)
        parts.wait_workers()
        yield parts
    finally:
        parts.stop()
