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


PLACES = 9
MARK = "./manager.sh chat"
"""On the first page alone."""


def test_every_page_fits_and_the_arrows_move(terminal: Terminal) -> None:
    screen = terminal.shows(MARK)
    assert screen.splitlines()[0].startswith("Cluster AI")
    for place in range(1, PLACES + 1):
        if f" {place}  " in screen and "→" in next(line for line in screen.splitlines() if f" {place}  " in line):
            terminal.tmux("send-keys", "-t", "menu", str(place))
            page = terminal.shows("Cluster AI >")
            assert all(len(line) <= 80 for line in page.splitlines())
            assert page.rstrip().splitlines()[-1].strip(), "the line of keys is on it"
            terminal.tmux("send-keys", "-t", "menu", "b")
            terminal.shows(MARK)
    terminal.tmux("send-keys", "-t", "menu", "Enter")
    terminal.shows("./manager.sh restart")
    terminal.tmux("send-keys", "-t", "menu", "Down", "Down", "Down", "Enter")
    terminal.shows("$ ./manager.sh status")
    terminal.tmux("send-keys", "-t", "menu", "Enter")
    terminal.shows("Cluster AI >")
    terminal.tmux("send-keys", "-t", "menu", "q")
    terminal.shows("left 0")


def test_a_word_is_asked_for_and_none_goes_back(terminal: Terminal) -> None:
    terminal.shows(MARK)
    terminal.tmux("send-keys", "-t", "menu", "3")
    terminal.shows("model show <model>")
    terminal.tmux("send-keys", "-t", "menu", "7")
    terminal.tmux("send-keys", "-t", "menu", "Enter")
    terminal.tmux("send-keys", "-t", "menu", "7")
    terminal.tmux("send-keys", "-t", "menu", "llama 3", "Enter")
    terminal.shows("$ ./manager.sh model show llama 3")


def test_what_is_typed_ahead_is_read_in_its_order(terminal: Terminal) -> None:
    terminal.tmux("send-keys", "-t", "menu", "3", "7", "Enter", "7", "llama 3", "Enter")
    terminal.shows("$ ./manager.sh model show llama 3")
