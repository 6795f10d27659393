"""The API as a process of its own that can be killed and comes back at the same place."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from cluster_ai.client import AsyncClient, Client
from cluster_ai.core.paths import Home
from tests.ports import free_base
from tests.waiting import until

ROOT = Path(__file__).parents[2]


@dataclass
class ApiProcess:
    home: Home
    base: int
    token: str = ""
    popens: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.base}"

    def client(self) -> Client:
        return Client(self.url, token=self.token)

    def aclient(self) -> AsyncClient:
        return AsyncClient(self.url, token=self.token)

    def start(self) -> None:
        env = {key: value for key, value in os.environ.items() if not key.startswith("CLUSTER_AI_")}
        env |= {"CLUSTER_AI_HOME": str(self.home.root), "CLUSTER_AI_PORT_BASE": str(self.base), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "backend.serve", "api"]
        self.popens.append(subprocess.Popen(command, env=env, cwd=ROOT, stderr=subprocess.DEVNULL))
        until(self.answers, seconds=40, what="the API answers", bears=(httpx2.TransportError,))

    def answers(self) -> bool:
        assert self.popens[-1].poll() is None
        return httpx2.get(f"{self.url}/health", trust_env=False).status_code == 200

    def kill(self) -> None:
        self.popens[-1].kill()
        self.popens[-1].wait(timeout=10)


@contextlib.contextmanager
def api_process(home: Path) -> Iterator[ApiProcess]:
    process = ApiProcess(Home(home), free_base())
    process.start()
    process.token = process.home.internal_secret()
    try:
        yield process
    finally:
        process.kill()
