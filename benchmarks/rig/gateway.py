"""The real gateway process over given nodes, for a benchmark: started, watched, ended."""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.rig.results import ROOT
from cluster_ai.core.paths import Home
from tests.ports import free_base

START_SECONDS = 30.0


@dataclass(frozen=True)
class Running:
    """A gateway that serves."""

    port: int
    home: Home
    process: psutil.Process

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cpu(self) -> float:
        """Processor seconds that it used so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> float:
        """Resident MiB."""
        return float(self.process.memory_info().rss) / 2**20

    def state(self) -> Any:
        """What it tells our own processes of nodes and calls."""
        asked = urllib.request.Request(
            f"{self.url}/-/state", headers={"Authorization": f"Bearer {self.home.internal_secret()}"}
        )
        with urllib.request.urlopen(asked, timeout=5) as answer:
            return json.load(answer)


def configuration(nodes: Mapping[str, str], slots: int | None, settings: Mapping[str, Any]) -> str:
    """The cluster's TOML: ``nodes`` are addresses by name, ``settings`` those of ``[gateway]``."""
    known = "" if slots is None else f", slots = {slots}"
    rows = ", ".join(f'{{name = "{name}", url = "{url}"{known}}}' for name, url in nodes.items())
    lines = ["[gateway]", "find_local_ollama = false", f"upstreams = [{rows}]"]
    lines += [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    return "\n".join([*lines, "[node]", "enabled = false", ""])


@contextmanager
def gateway(
    nodes: Mapping[str, str], *, profile: Path | None = None, slots: int | None = None, **settings: Any
) -> Iterator[Running]:
    """One gateway process.

    Args:
        nodes: their addresses by name.
        profile: where its calls are written when it ends (it is slower then).
        slots: of every node, as configured; None: the gateway learns them.
        settings: of ``[gateway]``.
    """
    base = free_base()
    with tempfile.TemporaryDirectory(prefix="cluster-ai-bench-") as folder:
        home = Home(Path(folder) / "home")
        home.make()
        home.config.write_text(configuration(nodes, slots, settings), encoding="utf-8")
        env = {key: value for key, value in os.environ.items() if not key.startswith("CLUSTER_AI_")}
        env |= {"CLUSTER_AI_HOME": str(home.root), "CLUSTER_AI_PORT_BASE": str(base), "PYTHONPATH": str(ROOT)}
        program = ["backend.serve"] if profile is None else ["benchmarks.rig.profiled", str(profile)]
        with (log := Path(folder) / "gateway.log").open("wb") as out:
            started = subprocess.Popen(
                [sys.executable, "-m", *program, "gateway"], env=env, stdout=out, stderr=out, cwd=ROOT
            )
        try:
            wait_for_models(base + 1, started, log)
            yield Running(base + 1, home, psutil.Process(started.pid))
        finally:
            started.terminate()
            started.wait(timeout=40)


def wait_for_models(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Returns when it lists the models of a node.

    Raises:
        SystemExit: it ended, or did not come up; the text holds what it said.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/tags", timeout=2) as answer:
                if json.load(answer)["models"]:
                    return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"the gateway does not serve:\n{log.read_text(encoding='utf-8', errors='replace')[-2000:]}")
