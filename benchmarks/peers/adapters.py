"""How to run the gateways that this one is compared with: a command, a configuration, and when they are ready.

Nothing of them is installed here. The user names an environment that holds one: ``--peer litellm=/path/to/venv``; for a
program without an environment, the folder of its binary.
"""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.rig.client import Dialect, Door
from tests.ports import free_port

READY_SECONDS = 120.0
MODEL = "llama3:latest"
KEY = f"sk-{secrets.token_hex(32)}"
"""For those that do not start without one."""


@dataclass(frozen=True)
class Started:
    """A gateway that serves. ``processes``: all of its own."""

    name: str
    door: Door
    processes: tuple[psutil.Process, ...]

    def memory(self) -> float:
        """Resident MiB of its processes and their children."""
        found = {one.pid: one for root in self.processes for one in (root, *root.children(recursive=True))}
        return sum(one.memory_info().rss for one in found.values()) / 2**20


@dataclass(frozen=True)
class Run:
    """One program to start: its arguments, and what it finds in its environment."""

    arguments: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Peer:
    """``runs``: from the environment's folder, a scratch folder, the port to serve on and the nodes' addresses."""

    name: str
    dialect: Dialect
    model: str
    runs: Callable[[Path, Path, int, Sequence[str]], list[Run]]
    ready: str
    """Path that answers 200 as soon as it serves."""
    key: str = ""


def litellm(venv: Path, folder: Path, port: int, nodes: Sequence[str]) -> list[Run]:
    rows = [
        {"model_name": "llama3", "litellm_params": {"model": "ollama_chat/llama3", "api_base": node}} for node in nodes
    ]
    settings = {"routing_strategy": "least-busy", "num_retries": 2, "timeout": 60}
    config = folder / "litellm.yaml"
    # YAML is a superset of JSON.
    config.write_text(json.dumps({"model_list": rows, "router_settings": settings}), encoding="utf-8")
    command = [str(venv / "bin/litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    return [Run(command, {"LITELLM_MASTER_KEY": KEY})]


def sollol(venv: Path, folder: Path, port: int, nodes: Sequence[str]) -> list[Run]:
    del folder
    listed = ",".join(node.removeprefix("http://") for node in nodes)
    more = ["--ray-workers", "1", "--dask-workers", "1", "--no-batch-processing", "--no-setup-gpu-monitoring"]
    return [Run([str(venv / "bin/sollol"), "up", "--port", str(port), *more, "--ollama-nodes", listed])]


def herd(venv: Path, folder: Path, port: int, nodes: Sequence[str]) -> list[Run]:
    env = {"HOME": str(folder), "FLEET_TELEMETRY": "false", "FLEET_TELEMETRY_ENABLED": "false"}
    router = Run([str(venv / "bin/herd"), "--host", "127.0.0.1", "--port", str(port)], env)
    door, program = f"http://127.0.0.1:{port}", str(venv / "bin/herd-node")
    agents = [
        Run([program, "--node-id", f"node-{number}", "--ollama-host", node, "--router-url", door], env)
        for number, node in enumerate(nodes)
    ]
    return [router, *agents]


def olla(folder_of_binary: Path, folder: Path, port: int, nodes: Sequence[str]) -> list[Run]:
    endpoints = [
        {"url": node, "name": f"node-{number}", "type": "ollama", "priority": 100, "check_interval": "2s"}
        for number, node in enumerate(nodes)
    ]
    fields = {
        "server": {"host": "127.0.0.1", "port": port},
        "proxy": {"engine": "olla", "load_balancer": "least-connections"},
        "discovery": {"type": "static", "static": {"endpoints": endpoints}},
    }
    config = folder / "olla.yaml"
    config.write_text(json.dumps(fields), encoding="utf-8")
    return [Run([str(folder_of_binary / "olla"), "--config", str(config)])]


PEERS = {
    peer.name: peer
    for peer in (
        Peer("litellm", "openai", "llama3", litellm, "/health/liveliness", KEY),
        Peer("sollol", "ollama", "llama3", sollol, "/api/health"),
        Peer("herd", "ollama", "llama3", herd, "/api/tags"),
        Peer("olla", "ollama", MODEL, olla, "/internal/health"),
    )
}


@contextlib.contextmanager
def running(peer: Peer, place: Path, nodes: Sequence[str]) -> Iterator[Started]:
    """The peer over these nodes.

    Raises:
        SystemExit: it did not come up; the text holds what it said.
    """
    port = free_port()
    with tempfile.TemporaryDirectory(prefix=f"bench-{peer.name}-") as scratch, contextlib.ExitStack() as stack:
        folder = Path(scratch)
        processes: list[psutil.Process] = []
        for number, run in enumerate(peer.runs(place, folder, port, nodes)):
            if number:
                wait_for(port)
            processes.append(stack.enter_context(started(run, folder / f"{number}.log")))
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(f"{url}{peer.ready}", folder)
        yield Started(peer.name, Door(url, peer.dialect, peer.model, peer.key), tuple(processes))


@contextlib.contextmanager
def started(run: Run, log: Path) -> Iterator[psutil.Process]:
    """A program, ended with all of its children."""
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ} | dict(run.env)
    with log.open("wb") as out:
        process = subprocess.Popen(run.arguments, stdout=out, stderr=out, env=env, cwd=log.parent)
    root = psutil.Process(process.pid)
    try:
        yield root
    finally:
        family = [root, *root.children(recursive=True)] if root.is_running() else []
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.terminate()
        for one in psutil.wait_procs(family, timeout=10)[1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        process.wait(timeout=10)


def wait_for(port: int) -> None:
    """Returns when somebody listens there."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise SystemExit(f"nobody listens on {port}")


def wait_until_ready(url: str, folder: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ValueError):
            with urllib.request.urlopen(url, timeout=2) as answer:
                answer.read()
            return
        time.sleep(0.1)
    said = "\n".join(log.read_text(encoding="utf-8", errors="replace")[-2000:] for log in sorted(folder.glob("*.log")))
    raise SystemExit(f"{url} does not answer:\n{said}")
