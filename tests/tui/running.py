"""Starts the API process of ``api_process.py`` and steers it."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


@dataclass
class Api:
    """A running API process."""

    port: int
    process: subprocess.Popen[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def show(self, overview: dict[str, Any]) -> int:
        """Publishes ``overview``; answers its message number."""
        number: int = self._post("/-/overview", overview)["number"]
        return number

    def script(self, **wrong: Any) -> None:
        self._post("/-/script", wrong)

    def answers(self, by_path: dict[str, Any]) -> None:
        """What the API answers at these paths from now on, and nowhere else."""
        self._post("/-/answers", by_path)

    def publish(self, topic: str, data: Any) -> None:
        self._post("/-/publish", {"topic": topic, "data": data})

    def asked(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.seen()["asked"]
        return found

    def seen(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/-/asked", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def _post(self, path: str, body: Any) -> Any:
        request = urllib.request.Request(f"{self.url}{path}", json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)


@contextmanager
def api_process(*arguments: str, port: int = 0) -> Iterator[Api]:
    command = [sys.executable, "-m", "tests.tui.api_process", "--port", str(port), *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Api(int(process.stdout.readline()), process)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()
