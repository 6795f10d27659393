"""Starts and ends the real parts on free ports."""

import itertools
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
from typing import TypeVar

import psutil

from tests.waiting import until

ROOT = Path(__file__).parents[2]
LAUNCHER = Path(__file__).with_name("launcher.py")
CANDIDATES = itertools.count(20_000 + os.getpid() % 9_000)
T = TypeVar("T")


def free_ports(count: int) -> list[int]:
    """Ports that nobody has now and no test had before, below those that the system gives to clients."""
    found: list[int] = []
    while len(found) < count:
        candidate = next(CANDIDATES)
        try:
            socket.create_server(("127.0.0.1", candidate)).close()
        except OSError:
            continue
        found.append(candidate)
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
        self.scheduler = self._start("scheduler", str(self.ports[0]), str(self.ports[1]), str(self.scratch))
        until(lambda: "scheduler listens" in self.new_log("scheduler"), seconds=20, what="the scheduler listens")

    def start_worker(self, index: int, *, threads: int = 1) -> None:
        first, second = map(str, self.worker_ports(index))
        words = (str(index), first, second, self.address, str(self.scratch), str(threads))
        self.workers[index] = self._start(f"worker-{index}", *words)

    def runs(self, index: int) -> bool:
        """Its start has come to an end, not only to an open port."""
        return "worker runs" in self.new_log(f"worker-{index}")

    def wait_workers(self) -> None:
        for index in self.workers:
            until(partial(self.runs, index), seconds=20, what=f"worker-{index} runs")

    def environment(self) -> dict[str, str]:
        """Python is compiled once a test session, whatever this machine says: Dask is large, and starts often here."""
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONPYCACHEPREFIX": str(self.scratch.parent / "bytecode")}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        return env

    def _start(self, name: str, *words: str) -> subprocess.Popen[bytes]:
        with (self.scratch / f"{name}.log").open("ab") as log:
            self.logged[name] = log.tell()
            argv = [sys.executable, str(LAUNCHER), name.partition("-")[0], *words]
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
            worker.wait(timeout=20)
        self.start_scheduler()
        for index in self.workers:
            self.start_worker(index)

    def stop(self) -> None:
        """Workers first, as a supervisor does it."""
        _end(list(self.workers.values()))
        _end([self.scheduler] if self.scheduler else [])


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.terminate()
    for process in processes:
        try:
            process.wait(timeout=15)
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
