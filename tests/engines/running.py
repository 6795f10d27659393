"""A node as its own process, and plain ways to ask it."""

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from cluster_ai.core.paths import Home
from tests.waiting import until

ROOT = Path(__file__).parents[2]
CHAT = "smollm2:135m"
PARIS = {
    "model": CHAT,
    "messages": [{"role": "user", "content": "What is the capital of France?"}],
    "options": {"temperature": 0},
}
ENDLESS = {
    "model": CHAT,
    "messages": [{"role": "user", "content": "Write a long story about a lighthouse."}],
    "options": {"temperature": 0.8, "seed": 1, "num_predict": 1800, "stop": ["\x01"]},
}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.raw.splitlines() if line]

    @property
    def events(self) -> list[str]:
        return [line.removeprefix("data: ") for line in self.raw.decode().splitlines() if line]


@dataclass
class RunningNode:
    port: int
    process: subprocess.Popen[bytes]
    log: Path = field(default_factory=Path)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, body: Any = None, *, method: str | None = None, **headers: str) -> Answer:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as exc:
            with exc:
                return Answer(exc.code, dict(exc.headers), exc.read())

    def loaded(self) -> dict[str, Any]:
        return {model["name"]: model for model in self.ask("/api/ps").json["models"]}

    def runners(self) -> list[psutil.Process]:
        return [child for child in psutil.Process(self.process.pid).children() if child.is_running()]

    def working(self) -> bool:
        """Whether a runner uses the processor: a slot writes."""
        before = sum(sum(runner.cpu_times()[:2]) for runner in self.runners())
        time.sleep(0.15)
        return sum(sum(runner.cpu_times()[:2]) for runner in self.runners()) - before > 0.03

    @contextlib.contextmanager
    def reading(self, body: Any = None, path: str = "/api/chat") -> Iterator[http.client.HTTPResponse]:
        """An answer whose first line has come; left behind at the end."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", path, json.dumps(body or ENDLESS))
        answer = connection.getresponse()
        try:
            assert answer.status == 200, answer.read()
            answer.readline()
            yield answer
        finally:
            answer.close()
            connection.close()

    def send(self, body: Any, path: str = "/api/chat") -> socket.socket:
        """A request whose answer nobody reads; the caller closes the socket."""
        raw = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(raw)}\r\n\r\n"
        peer = socket.create_connection(("127.0.0.1", self.port))
        peer.sendall(head.encode() + raw)
        return peer


@contextlib.contextmanager
def node(folder: Path, **settings: Any) -> Iterator[RunningNode]:
    """A node on a free port with its data in ``folder``."""
    home = Home(folder / "home")
    home.make()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [str(port), str(home.root), json.dumps({"threads": 1} | settings)]
    with (folder / "node.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.engines.node_launcher", *words], cwd=ROOT, stdout=log, stderr=log
        )
    started = RunningNode(port, process, folder / "node.log")

    def ready() -> bool:
        assert process.poll() is None, started.log.read_text()
        try:
            return started.ask("/").status == 200
        except OSError:
            return False

    try:
        until(ready, seconds=30, what="the node answers")
        yield started
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=15)
