"""Open WebUI watched: what it sends, seen by a proxy, and what it shows, seen in a browser."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.open_webui.program import ROOT, OpenWebUI
from tests.ports import free_port
from tests.waiting import until

JOURNEY = Path(__file__).parent / "journey.mjs"


@dataclass(frozen=True)
class Recorder:
    """The proxy of ``recorder.py``, in a process of its own."""

    url: str
    into: Path

    @classmethod
    @contextlib.contextmanager
    def started(cls, to: str, folder: Path) -> Iterator[Self]:
        port, into = free_port(), folder / "recorded.jsonl"
        into.touch()
        words = ["--port", str(port), "--to", to, "--into", str(into)]
        process = subprocess.Popen([sys.executable, "-m", "tests.open_webui.recorder", *words], cwd=ROOT)
        recorder = cls(f"http://127.0.0.1:{port}", into)
        try:
            until(recorder._listens, what="the recorder listens", bears=(OSError,))
            yield recorder
        finally:
            process.terminate()
            process.wait(timeout=10)

    def _listens(self) -> bool:
        socket.create_connection(("127.0.0.1", int(self.url.rpartition(":")[2])), timeout=1).close()
        return True

    def rows(self) -> list[dict[str, Any]]:
        """What passed so far, oldest first."""
        return [json.loads(line) for line in self.into.read_text(encoding="utf-8").splitlines()]

    def chats(self) -> list[dict[str, Any]]:
        return [row for row in self.rows() if row["path"] == "/api/chat"]


def browse(
    ui: OpenWebUI, model: str, question: str, *, linger: float = 0.0, shot: Path | None = None
) -> dict[str, str]:
    """One message typed into its page; answer and title as the page shows them."""
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OPEN_WEBUI_URL": f"http://127.0.0.1:{ui.port}",
        "OPEN_WEBUI_TOKEN": ui.token,
        "OPEN_WEBUI_MODEL": model,
        "OPEN_WEBUI_ASK": question,
        "OPEN_WEBUI_LINGER": str(round(linger * 1000)),
        "OPEN_WEBUI_SHOT": str(shot or ""),
    }
    done = subprocess.run(["node", JOURNEY], env=env, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return dict(json.loads(done.stdout.splitlines()[-1]))
