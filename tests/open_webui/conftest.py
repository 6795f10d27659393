"""One real Open WebUI for all tests of this folder that ask for it: it starts in 10 to 40 seconds."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from cluster_ai.core.paths import Home
from tests.cluster.conftest import running
from tests.fakes.fleet import FakeNode, Fleet
from tests.gateway.conftest import Gateway
from tests.open_webui.program import OpenWebUI, open_webui
from tests.open_webui.watched import Recorder

MODEL = "smollm2:135m"
"""Comes along with the cluster."""
TALKER = "talker:1b"
"""The fake nodes'."""
SECRET = "a secret that the gateway and Open WebUI share, of these tests alone"


@dataclass(frozen=True)
class Place:
    """Open WebUI, a proxy that sees what it asks, a whole cluster with its own model, and three fake nodes with another."""

    ui: OpenWebUI
    recorder: Recorder
    gateway: Gateway

    @property
    def nodes(self) -> tuple[FakeNode, ...]:
        return self.gateway.fleet.nodes

    def writing(self, tokens: int, question: str = "hello") -> FakeNode | None:
        """The node that has given so many tokens of the answer to ``question`` and goes on; not one that finds titles."""
        return next(
            (
                node
                for node in self.nodes
                for row in node.log()
                if row.outcome == "open" and row.tokens >= tokens and row.body["messages"][-1]["content"] == question
            ),
            None,
        )


@pytest.fixture(scope="package")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("place")
    with ExitStack() as stack:
        fleet = stack.enter_context(Fleet(3, models=[TALKER]))
        rows = [{"name": node.name, "url": node.url} for node in fleet.nodes]
        settings = {
            "upstreams": rows,
            "probe_seconds": 0.1,
            "connect_seconds": 0.5,
            "breaker_seconds": 0.5,
            "queue_seconds": 5,
        }
        env = {f"CLUSTER_AI_GATEWAY__{name.upper()}": json.dumps(value) for name, value in settings.items()}
        cluster = stack.enter_context(running(folder / "home", **env))
        gateway = Gateway(Home(cluster.home), cluster.ports.gateway, fleet)
        recorder = stack.enter_context(Recorder.started(gateway.url, folder))
        signing = {"FORWARD_USER_INFO_HEADER_JWT_SECRET": SECRET}
        ui = stack.enter_context(open_webui(folder / "ui", recorder.url, **signing))
        yield Place(ui, recorder, gateway)


@pytest.fixture
def place(started: Place) -> Place:
    started.gateway.fleet.default()
    started.gateway.settled(healthy=4)
    return started
