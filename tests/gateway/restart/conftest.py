"""Gateway processes under their supervisor, over fake nodes, on a port of their own."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from cluster_ai.core.errors import Unavailable
from cluster_ai.core.paths import Home
from cluster_ai.gateway.types import GatewayView
from cluster_ai.supervisor.control import Control
from cluster_ai.supervisor.types import PartState, PartView
from tests.fakes.fleet import FakeNode, Fleet
from tests.fakes.raw import MODEL
from tests.ports import free_base
from tests.waiting import until

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
KNOBS = {"slots": 128, "rate": 20.0, "answer_tokens": 400}


@dataclass(frozen=True)
class Stage:
    """A running gateway, of one process or several."""

    home: Home
    port: int
    fleet: Fleet
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def control(self) -> Control:
        return Control(self.home)

    def parts(self) -> tuple[PartView, ...]:
        return asyncio.run(self.control.status()).parts

    def part(self, name: str = "gateway") -> PartView:
        return next(part for part in self.parts() if part.name == name)

    def pid(self, name: str = "gateway") -> int:
        found = self.part(name).pid
        assert found
        return found

    def write(self, *nodes: FakeNode, **settings: Any) -> None:
        """The configuration, with these nodes."""
        self.home.config.write_text(written(nodes, settings))

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        """Status and body; an error status is an answer, too."""
        request = urllib.request.Request(self.url + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, json.loads(exc.read())

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        """The same for a POST of ``body``."""
        request = urllib.request.Request(self.url + path, json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as exc:
            with exc:
                return exc.code, json.loads(exc.read())

    def state(self) -> GatewayView:
        return GatewayView.model_validate(
            self.get("/-/state", authorization=f"Bearer {self.home.internal_secret()}")[1]
        )

    def log(self, name: str = "gateway") -> str:
        return (self.home.logs / f"{name}.log").read_text()

    def wait_ready(self) -> None:
        def is_ready() -> bool:
            assert self.process.poll() is None, "the supervisor has ended"
            return all(part.state is PartState.READY and not part.replacing for part in self.parts())

        until(is_ready, seconds=30, what="every gateway process ready", bears=(Unavailable,))

    def wait_nodes(self, count: int) -> None:
        until(lambda: sum(row.state == "healthy" for row in self.state().upstreams) == count, what=f"{count} nodes")


def cli(stage: Stage, *words: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if not key.startswith("CLUSTER_AI_")}
    env |= {
        "CLUSTER_AI_HOME": str(stage.home.root),
        "PYTHONPATH": str(ROOT),
        "CLUSTER_AI_PORT_BASE": str(stage.port - 1),
    }
    return subprocess.run(
        [sys.executable, "-m", "cluster_ai.cli.main", *words], env=env, capture_output=True, text=True, check=False
    )


def written(nodes: tuple[FakeNode, ...], settings: dict[str, Any]) -> str:
    """A configuration file as people write it. ``slots`` is of each node; ``redis_url`` stands above all tables."""
    settings = dict(settings)
    top = [f"redis_url = {json.dumps(url)}"] if (url := settings.pop("redis_url", "")) else []
    slots = f", slots={count}" if (count := settings.pop("slots", 0)) else ""
    rows = ", ".join(f'{{name="{node.name}", url="{node.url}"{slots}}}' for node in nodes)
    lines = [*top, "[gateway]", "find_local_ollama = false", "probe_seconds = 0.2", f"upstreams = [{rows}]"]
    tables = [name for name, value in settings.items() if isinstance(value, dict)]
    lines += [f"{name} = {json.dumps(value)}" for name, value in settings.items() if name not in tables]
    for name in tables:
        lines += [f"[gateway.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in settings[name].items())]
    return "\n".join([*lines, "[node]", "enabled = false", "[compute]", "workers = 0", ""])


@contextlib.contextmanager
def opened(folder: Path, fleet: Fleet, *, parts: str = "gateway", **settings: Any) -> Iterator[Stage]:
    """A gateway, or those parts, that end with the block with all their processes."""
    base = free_base()
    home = Home(folder / "home")
    home.make()
    home.config.write_text(written(fleet.nodes, settings))
    env = {key: value for key, value in os.environ.items() if not key.startswith("CLUSTER_AI_")}
    env |= {"CLUSTER_AI_HOME": str(home.root), "CLUSTER_AI_PORT_BASE": str(base), "PYTHONPATH": str(ROOT)}
    with (folder / "supervisor.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, HERE / "stage.py", parts], env=env, stdout=log, stderr=log)
    stage = Stage(home, base + 1, fleet, process)
    try:
        stage.wait_ready()
        stage.wait_nodes(len(fleet.nodes))
        yield stage
    finally:
        family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=15)
        _, left = psutil.wait_procs(family, timeout=3)
        assert not left


Open = Callable[..., Stage]


@pytest.fixture(scope="session")
def nodes() -> Iterator[Fleet]:
    with Fleet(4, **KNOBS) as fleet:
        yield fleet


def warm(nodes: Fleet) -> None:
    """Honest nodes with the model in the memory of each, so that each gets its share of the calls."""
    nodes.default()
    for node in nodes.nodes:
        body = {"model": MODEL, "stream": False, "options": {"num_predict": 1}}
        urllib.request.urlopen(f"{node.url}/api/generate", json.dumps(body).encode(), timeout=5).close()
        node.reset_counters()


@pytest.fixture
def stage(nodes: Fleet) -> Iterator[Open]:
    """Opens gateways with the settings given; each ends with the test."""
    warm(nodes)
    with contextlib.ExitStack() as stack:

        def start(**settings: Any) -> Stage:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway-")))
            return stack.enter_context(opened(folder, nodes, **settings))

        yield start


@pytest.fixture(scope="module")
def running(nodes: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with opened(tmp_path_factory.mktemp("gateway"), nodes) as started:
        yield started


@pytest.fixture
def gateway(running: Stage, nodes: Fleet) -> Stage:
    """A gateway that tests share, as it was at its start."""
    warm(nodes)
    running.write(*nodes.nodes)
    assert cli(running, "reload").returncode == 0
    running.wait_ready()
    running.wait_nodes(len(nodes.nodes))
    return running
