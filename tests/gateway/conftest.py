"""The real gateway process in front of fake nodes that misbehave on command."""

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from cluster_ai.core.paths import Home
from cluster_ai.gateway.types import GatewayView, UpstreamView
from tests.fakes.fleet import FakeNode, Fleet
from tests.gateway.door import Door
from tests.gateway.door import gateway as opened
from tests.ports import free_base
from tests.waiting import until

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
HELLO = {"model": "smollm2:135m", "messages": [{"role": "user", "content": "hello"}]}


@dataclass(frozen=True)
class Answer:
    """A whole answer. ``broken``: the connection ended before the answer did."""

    status: int
    headers: dict[str, str]
    body: bytes
    broken: bool

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.body.splitlines() if line.strip()]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """What the model wrote, from a streamed chat."""
        return "".join(line["message"]["content"] for line in self.lines if "message" in line)


@dataclass(frozen=True)
class Gateway:
    """A running gateway."""

    home: Home
    port: int
    fleet: Fleet
    pid: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, raw, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            try:
                said, broken = answer.read(), False
            except (http.client.IncompleteRead, ConnectionError) as exc:
                said, broken = getattr(exc, "partial", b""), True
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, said, broken)

    def chat(self, *, path: str = "/api/chat", **more: Any) -> Answer:
        return self.ask("POST", path, HELLO | more)

    def state(self) -> GatewayView:
        answer = self.ask("GET", "/-/state", authorization=f"Bearer {self.home.internal_secret()}")
        return GatewayView.model_validate_json(answer.body)

    def upstream(self, node: FakeNode) -> UpstreamView:
        return next(row for row in self.state().upstreams if row.name == node.name)

    def settled(self, *, healthy: int) -> None:
        """Waits until that many nodes are healthy with closed breakers."""

        def is_settled() -> bool:
            rows = self.state().upstreams
            for row in rows:
                if row.state == "healthy" and row.breaker == "half_open":
                    self._try(row)
            return sum(row.state == "healthy" and row.breaker == "closed" for row in rows) == healthy

        until(is_settled, what=f"{healthy} healthy nodes")

    def _try(self, row: UpstreamView) -> None:
        """A breaker that stands half open, with nobody asking, would do so for ever."""
        pinned = {"authorization": f"Bearer {self.home.internal_secret()}", "x_cluster_node": row.name}
        for model in row.models:
            self.ask("POST", "/api/chat", HELLO | {"model": model.name, "stream": False}, **pinned)
        for node in self.fleet.nodes:
            node.reset_counters()


@contextlib.contextmanager
def serving(folder: Path, fleet: Fleet, **settings: Any) -> Iterator[Gateway]:
    """A gateway over the fleet's nodes, named after them."""
    home = Home(folder / "home")
    home.make()
    base = free_base()
    rows = [f'{{name="{node.name}", url="{node.url}"}}' for node in fleet.nodes]
    lines = ["[gateway]", "find_local_ollama = false", f"upstreams = [{', '.join(rows)}]"]
    lines += [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    home.config.write_text("\n".join(lines) + "\n[node]\nenabled = false\n")
    env = {key: value for key, value in os.environ.items() if not key.startswith("CLUSTER_AI_")}
    env |= {"CLUSTER_AI_HOME": str(home.root), "CLUSTER_AI_PORT_BASE": str(base), "PYTHONPATH": str(ROOT)}
    with (folder / "gateway.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "backend.serve", "gateway"], env=env, stdout=log, stderr=log)
    gateway = Gateway(home, base + 1, fleet, process.pid)

    def is_up() -> bool:
        assert process.poll() is None, (folder / "gateway.log").read_text()
        with contextlib.suppress(OSError):
            return gateway.ask("GET", "/health").status == 200
        return False

    try:
        until(is_up, seconds=20, what="the gateway answers")
        yield gateway
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


QUICK = {
    "probe_seconds": 0.1,
    "connect_seconds": 0.5,
    "first_byte_seconds": 1.0,
    "idle_seconds": 1.0,
    "breaker_seconds": 0.5,
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with Fleet(3) as fleet, serving(tmp_path_factory.mktemp("gateway"), fleet, **QUICK) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: Gateway) -> Gateway:
    """Three honest nodes, all healthy."""
    running.fleet.default()
    running.settled(healthy=3)
    return running


@pytest.fixture(scope="session")
def running_fleet() -> Iterator[Fleet]:
    with Fleet(3) as fleet:
        yield fleet


@pytest.fixture
def fleet(running_fleet: Fleet) -> Fleet:
    """Three honest nodes without a gateway."""
    running_fleet.default()
    return running_fleet


@pytest.fixture
def door(fleet: Fleet) -> Iterator[Door]:
    """A gateway of its own, with closed breakers, over the first two nodes."""
    with opened(*fleet.nodes[:2]) as started:
        yield started
