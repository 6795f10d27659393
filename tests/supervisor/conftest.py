"""Little clusters: real processes under the real supervisor."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from cluster_ai.core.errors import Unavailable
from cluster_ai.core.paths import Home
from cluster_ai.supervisor.control import Control
from cluster_ai.supervisor.types import PartState, PartView, SupervisorView
from tests import waiting

until = partial(waiting.until, bears=(Unavailable,))
HERE = Path(__file__).parent


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


SLEEPER = python("import time; time.sleep(600)")


@dataclass
class Little:
    """A running little cluster."""

    home: Home
    process: subprocess.Popen[bytes]

    def ask(self, verb: str, *args: Any) -> Any:
        return asyncio.run(getattr(Control(self.home), verb)(*args))

    def status(self) -> SupervisorView:
        found: SupervisorView = self.ask("status")
        return found

    def part(self, name: str) -> PartView:
        return next(part for part in self.status().parts if part.name == name)

    def wait(self, name: str, state: PartState, *, restarts: int = 0) -> PartView:
        def reached() -> PartView | None:
            part = self.part(name)
            return part if part.state is state and part.restarts >= restarts else None

        return until(reached, what=f"{name} is {state.value}")

    def log(self, name: str) -> str:
        return (self.home.logs / f"{name}.log").read_text()


@pytest.fixture
def little(tmp_path: Path) -> Iterator[Callable[..., Little]]:
    """Starts a supervisor over the given parts; whatever happens, none of its processes outlives the test."""
    started: list[Little] = []

    def start(*rows: dict[str, Any]) -> Little:
        home = Home(tmp_path / "home")
        (tmp_path / "parts.json").write_text(json.dumps(rows))
        with (tmp_path / "supervisor.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, HERE / "little.py", str(home.root), str(tmp_path / "parts.json")],
                env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
                stdout=log,
                stderr=log,
            )
        cluster = Little(home, process)
        started.append(cluster)
        until(lambda: cluster.status() or cluster.process.poll(), what="the supervisor answers")
        return cluster

    yield start
    for cluster in started:
        family = psutil.Process(cluster.process.pid).children(recursive=True) if cluster.process.poll() is None else []
        if cluster.process.poll() is None:
            cluster.process.send_signal(signal.SIGTERM)
            cluster.process.wait(timeout=10)
        _, left = psutil.wait_procs(family, timeout=2)
        assert not left
