"""A whole cluster, started as a person starts it: every part a real process, on ports of its own."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from cluster_ai.core.errors import Unavailable
from cluster_ai.core.paths import Home
from cluster_ai.settings import Ports
from cluster_ai.supervisor.control import Control
from cluster_ai.supervisor.types import PartState, PartView, SupervisorView
from tests import waiting
from tests.ports import free_base

until = partial(waiting.until, bears=(OSError, Unavailable))
ROOT = Path(__file__).parents[2]
PARTS = ("scheduler", "worker-0", "node", "gateway", "backend")
PARIS = {
    "model": "smollm2:135m",
    "messages": [{"role": "user", "content": "What is the capital of France?"}],
    "options": {"temperature": 0},
}


@dataclass(frozen=True)
class Cluster:
    """A running cluster and how to reach it."""

    home: Path
    base: int
    env: dict[str, str]

    @property
    def ports(self) -> Ports:
        return Ports.at(self.base)

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.ports.backend}"

    @property
    def gateway(self) -> str:
        return f"http://127.0.0.1:{self.ports.gateway}"

    @property
    def node(self) -> str:
        return f"http://127.0.0.1:{self.ports.node}"

    @property
    def token(self) -> str:
        return Home(self.home).internal_secret()

    def start_argv(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "cluster_ai.cli.main", *words]

    def cli(self, *words: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.start_argv(*words),
            cwd=ROOT, env=self.env, capture_output=True, text=True, check=False, timeout=timeout,
        )  # fmt: skip

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.start_argv(*words),
            cwd=ROOT, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def get(self, url: str, *, token: bool = True, timeout: float = 5) -> tuple[int, Any]:
        """Status and parsed body; an error status is an answer, too."""
        headers = {"Authorization": f"Bearer {self.token}"} if token else {}
        request = urllib.request.Request(url, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, json.loads(exc.read() or b"null")

    def status(self) -> SupervisorView:
        return asyncio.run(Control(Home(self.home)).status())

    def part(self, name: str) -> PartView:
        return next(part for part in self.status().parts if part.name == name)

    def ready_parts(self) -> set[str]:
        return {part.name for part in self.status().parts if part.state is PartState.READY}

    def wait_ready(self, *, seconds: float = 60) -> None:
        until(lambda: self.ready_parts() >= set(PARTS), seconds=seconds, what="every part ready")
        until(self.models, seconds=20, what="the gateway knows the node's models")

    def models(self) -> list[str]:
        return [model["name"] for model in self.get(f"{self.gateway}/api/tags")[1]["models"]]


@contextlib.contextmanager
def running(home: Path, **more: str) -> Iterator[Cluster]:
    """A cluster of its own in ``home``, stopped at the end."""
    base = free_base()
    env = {
        **{key: value for key, value in os.environ.items() if not key.startswith("CLUSTER_AI_")},
        "CLUSTER_AI_HOME": str(home),
        "CLUSTER_AI_PORT_BASE": str(base),
        "CLUSTER_AI_GATEWAY__FIND_LOCAL_OLLAMA": "false",
        "CLUSTER_AI_NODE__THREADS": "1",
        "PYTHONPATH": str(ROOT),
        "NO_COLOR": "1",
        **more,
    }
    cluster = Cluster(home, base, env)
    home.mkdir(parents=True, exist_ok=True)
    with (home.parent / "up.log").open("w") as log:
        up = subprocess.Popen(
            [sys.executable, "-m", "cluster_ai.cli.main", "up"], cwd=ROOT, env=env, stdout=log, stderr=log
        )
        family = [psutil.Process(up.pid)]
        try:
            cluster.wait_ready()
            family += family[0].children(recursive=True)
            yield cluster
        finally:
            up.send_signal(signal.SIGTERM)
            up.wait(timeout=20)
            psutil.wait_procs(family, timeout=5)


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running(tmp_path_factory.mktemp("cluster") / "home") as started:
        yield started
