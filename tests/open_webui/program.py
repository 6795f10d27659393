"""Open WebUI as a person starts it: the real program, installed by ``scripts/setup/open_webui.sh``."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ports import free_port
from tests.waiting import until

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "setup" / "open_webui.sh"
START_SECONDS = 150.0
"""Its first start imports 160 packages and makes its database: 20 s of work, more on a busy machine."""


@dataclass(frozen=True)
class OpenWebUI:
    """A running Open WebUI whose first account, an administrator, is signed in."""

    port: int
    token: str

    def request(self, method: str, path: str, fields: Any = None, *, timeout: float = 60) -> tuple[int, bytes]:
        """Status and whole body. A stream that is cut short ends where it was cut."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)) as connection:
            connection.request(method, path, None if fields is None else json.dumps(fields), self._headers())
            answer = connection.getresponse()
            try:
                return answer.status, answer.read()
            except http.client.IncompleteRead as exc:
                return answer.status, exc.partial

    def json(self, method: str, path: str, fields: Any = None, *, timeout: float = 60) -> Any:
        status, body = self.request(method, path, fields, timeout=timeout)
        assert status == 200, f"{method} {path}: {status} {body[:500]!r}"
        return json.loads(body)

    @contextlib.contextmanager
    def opened(self, path: str, fields: Any) -> Iterator[http.client.HTTPResponse]:
        """An answer that is read while it comes."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request("POST", path, json.dumps(fields), self._headers())
            yield connection.getresponse()

    def is_up(self) -> bool:
        """Whether it answers; false also while nothing listens."""
        try:
            return self.request("GET", "/health", timeout=10)[0] == 200
        except OSError:
            return False

    def signed_up(self) -> "OpenWebUI":
        """The same, as its first person sees it."""
        person = {"name": "Ana Lima", "email": "ana@example.test", "password": "a password of these tests 7"}
        return OpenWebUI(self.port, self.json("POST", "/api/v1/auths/signup", person)["token"])

    def models(self) -> list[str]:
        return [model["id"] for model in self.json("GET", "/api/models")["data"]]

    def _headers(self) -> dict[str, str]:
        more = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return {"Content-Type": "application/json", **more}


def chunks(body: bytes) -> list[dict[str, Any]]:
    """The events of a streamed completion, the last ``[DONE]`` left out."""
    rows = [row.removeprefix(b"data: ") for row in body.split(b"\n") if row.startswith(b"data: ")]
    return [json.loads(row) for row in rows if row != b"[DONE]"]


def text(body: bytes) -> str:
    """What the model wrote, from a streamed completion."""
    deltas = (choice["delta"] for event in chunks(body) for choice in event.get("choices", ()))
    return "".join(delta.get("content") or "" for delta in deltas)


@contextlib.contextmanager
def open_webui(folder: Path, gateway: str, **more: str) -> Iterator[OpenWebUI]:
    """The program in front of ``gateway``, with its data in ``folder``; ``more``: its own variables."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    env = {
        **os.environ,
        "CLUSTER_AI_GATEWAY_URL": gateway,
        "CLUSTER_AI_OPEN_WEBUI_DATA": str(folder / "data"),
        "WEBUI_SECRET_KEY": "a secret of these tests alone",
        "BYPASS_MODEL_ACCESS_CONTROL": "true",
        **more,
    }
    with (folder / "open-webui.log").open("wb") as log:
        process = subprocess.Popen([SCRIPT, "serve", "--port", str(port)], env=env, stdout=log, stderr=log)
    try:
        until(lambda: _is_up(process, port, folder), seconds=START_SECONDS, what="Open WebUI answers")
        yield OpenWebUI(port, "").signed_up()
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_up(process: subprocess.Popen[bytes], port: int, folder: Path) -> bool:
    assert process.poll() is None, (folder / "open-webui.log").read_text()[-4000:]
    return OpenWebUI(port, "").is_up()
