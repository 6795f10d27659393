"""The real program in a real terminal: tmux shows what a person sees."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.tui_bytes import BUDGET, watch
from cluster_ai.core.paths import Home
from tests.tui.api_process import TOKEN
from tests.tui.running import ROOT, api_process
from tests.waiting import until


class Terminal:
    """A tmux server of its own with one window."""

    def __init__(self, socket: Path) -> None:
        self._tmux = ["tmux", "-S", str(socket), "-f", os.devnull]

    def tmux(self, *arguments: str) -> str:
        done = subprocess.run([*self._tmux, *arguments], capture_output=True, text=True, check=False)
        return done.stdout

    def text(self) -> str:
        return self.tmux("capture-pane", "-p")

    def shows(self, *words: str) -> None:
        try:
            until(lambda: all(word in self.text() for word in words), what=f"{words} on the screen")
        except AssertionError as exc:
            raise AssertionError(f"{exc}; it shows\n{self.text()}") from None


@contextmanager
def terminal(tmp_path: Path, *arguments: str, **env: str) -> Iterator[Terminal]:
    made = Terminal(tmp_path / "tmux")
    environment = [
        f"{name}={value}" for name, value in ({"COLORTERM": "truecolor", "CLUSTER_AI_LANG": "en"} | env).items()
    ]
    program = shlex.join(["env", *environment, sys.executable, "-m", "cluster_ai.tui", *arguments])
    errors = tmp_path / "stderr"
    made.tmux("new-session", "-d", "-x", "80", "-y", "24", "-c", str(ROOT), f"{program}; echo exit $? > {errors}; cat")
    try:
        yield made
    finally:
        made.tmux("kill-server")


@pytest.mark.real
def test_a_person_uses_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.make()
    home.internal_token.write_text(TOKEN)
    with api_process("--tick", "0.2", "--nodes", "12") as api:
        env = {"CLUSTER_AI_HOME": str(home.root), "CLUSTER_AI_PORTS__BACKEND": str(api.port)}
        with terminal(tmp_path, **env) as shown:
            shown.shows(
                "home", "11/12 nodes up", "live", "Requests/s", "node-01", "scheduler", "smollm2:135m", "q Quit"
            )
            shown.tmux("send-keys", "2")
            shown.shows("Address", "http://192.168.1.11:11434", "tok/s")
            shown.tmux("send-keys", "-l", "/down")
            shown.shows("Nodes 1/12", "node-03")
            shown.tmux("send-keys", "Enter")
            shown.tmux("send-keys", "L")
            shown.shows("Nós", "ao vivo")
            shown.tmux("resize-window", "-x", "120", "-y", "40")
            until(lambda: len(shown.text().splitlines()) >= 39, what="the larger window is used")
            shown.tmux("send-keys", "q")
            until((tmp_path / "stderr").exists, what="it ends")
            assert (tmp_path / "stderr").read_text() == "exit 0\n"


@pytest.mark.real
def test_without_a_cluster_it_says_how_to_start_one(tmp_path: Path) -> None:
    with terminal(tmp_path, CLUSTER_AI_HOME=str(tmp_path / "none")) as shown:
        shown.shows("no cluster was started", "./manager.sh start", "no connection")


@pytest.mark.slow
@pytest.mark.real
def test_watching_is_cheap(tmp_path: Path) -> None:
    """The budget at 80x24 with 12 nodes at 1 Hz; time limits have room, since the machine runs other tests too."""
    token = tmp_path / "token"
    token.write_text(TOKEN)
    with api_process("--tick", "1", "--nodes", "12") as api:
        found = watch(api.url, str(token), seconds=6, keys="")
    assert found.kib_per_second <= BUDGET["kib_per_second"]
    assert found.rss_mib <= BUDGET["rss_mib"] * 1.1
    assert found.cpu_percent <= BUDGET["cpu_percent"] * 2
    assert found.first_paint_seconds <= BUDGET["first_paint_seconds"] * 5
