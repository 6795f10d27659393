"""A cluster of its own for the verbs: real parts, with a fake Ollama in place of the embedded node."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.calling import ROOT, cli, environment
from tests.ports import free_base


@dataclass(frozen=True)
class Cluster:
    """``env`` names the data directory alone: the ports must be found."""

    home: Path
    base: int
    env: dict[str, str]
    started: subprocess.CompletedProcess[str]

    def cli(self, *words: str, stdin: str = "", timeout: float = 60) -> subprocess.CompletedProcess[str]:
        return cli(*words, env=self.env, stdin=stdin, timeout=timeout)


@pytest.fixture(scope="session")
def fake_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a fake Ollama."""
    ports = tmp_path_factory.mktemp("fake") / "ports.json"
    command = [sys.executable, "-m", "tests.fakes.ollama_fake", "--port-file", str(ports), "--with-parent"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE) as process:
        end = time.monotonic() + 20
        while not ports.exists():
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        yield json.loads(ports.read_text())["nodes"][0]
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory, fake_node: str) -> Iterator[Cluster]:
    home = tmp_path_factory.mktemp("cli") / "home"
    home.mkdir()
    (home / "config.toml").write_text(
        "[node]\nenabled = false\n[compute]\nworkers = 1\n[gateway]\nfind_local_ollama = false\n"
        f'[[gateway.upstreams]]\nname = "fake"\nurl = "{fake_node}"\n'
    )
    env, base = environment(home), free_base()
    started = cli("up", "--detach", "--port-base", str(base), env=env, timeout=100)
    try:
        yield Cluster(home, base, env, started)
    finally:
        cli("down", env=env)
