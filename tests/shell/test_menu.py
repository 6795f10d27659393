"""The menu in a real terminal of 80x24: drawn, moved through with arrows, left with q."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.real


class Terminal:
    """A tmux server of its own with one pane."""

    def __init__(self, socket: Path, env: dict[str, str]) -> None:
        self._socket = socket
        self._env = env

    def tmux(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", self._socket, "-f", "/dev/null", *words],
            env=self._env, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout

    def shows(self, text: str) -> str:
        """The screen, once ``text`` stands on it."""
        deadline = time.monotonic() + 15
        while text not in (screen := self.tmux("capture-pane", "-p", "-t", "menu")):
            assert time.monotonic() < deadline, f"{text!r} did not appear:\n{screen}"
            time.sleep(0.05)
        return screen


@pytest.fixture(params=["en", "pt-BR"])
def terminal(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    env = {
        **os.environ,
        "CLUSTER_AI_HOME": str(tmp_path / "home"),
        "CLUSTER_AI_LANG": request.param,
        "LC_ALL": "C.UTF-8",
    }
    term = Terminal(tmp_path / "s", env)
    term.tmux("new-session", "-d", "-s", "menu", "-x", "80", "-y", "24", f"'{ROOT}/manager.sh'; echo left $?; sleep 60")
    yield term
    term.tmux("kill-server")


def test_menu_fits_moves_and_ends(terminal: Terminal) -> None:
    screen = terminal.shows("./manager.sh diag")
    lines = screen.splitlines()
    assert lines[0].startswith("Cluster AI")
    assert all(len(line) <= 80 for line in lines)
    for word in ("start", "stop", "status", "node ls", "model ls", "chat", "tui", "logs", "diag", "config show"):
        assert f"./manager.sh {word}" in screen
    terminal.tmux("send-keys", "-t", "menu", "Down", "Down", "Enter")
    terminal.shows("$ ./manager.sh status")
    terminal.tmux("send-keys", "-t", "menu", "Enter")
    terminal.shows("./manager.sh diag")
    terminal.tmux("send-keys", "-t", "menu", "q")
    terminal.shows("left 0")
