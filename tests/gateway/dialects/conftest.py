"""Honest fake nodes of an older Ollama, the embedded node, and a gateway before each."""

from collections.abc import Iterator

import pytest

from tests.engines.running import RunningNode, node
from tests.fakes.fleet import FakeNode, Fleet
from tests.fakes.knobs import Knobs
from tests.gateway.door import Door, gateway

OLDER = "0.12.6"
"""Of an Ollama that knows neither ``/v1/messages`` nor ``/v1/responses``."""


@pytest.fixture(scope="package")
def older_fleet() -> Iterator[Fleet]:
    with Fleet(2, version=OLDER) as fleet:
        yield fleet


@pytest.fixture
def older(older_fleet: Fleet) -> Fleet:
    """Honest nodes. Their version never changes, not for a moment: the gateway may look at any."""
    older_fleet.set(**{name: None for name in Knobs.model_fields if name != "version"})
    for each in older_fleet.nodes:
        each.cut()
        each.forget()
        each.reset_counters()
    return older_fleet


@pytest.fixture
def fake(older: Fleet) -> FakeNode:
    return older.nodes[0]


@pytest.fixture(scope="package")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    with node(tmp_path_factory.mktemp("node"), context=2048) as running:
        yield running


@pytest.fixture(scope="package")
def door_to_fake(older_fleet: Fleet) -> Iterator[Door]:
    with gateway(older_fleet.nodes[0]) as opened:
        yield opened


@pytest.fixture(scope="package")
def door_to_embedded(embedded: RunningNode) -> Iterator[Door]:
    with gateway(embedded=embedded.url) as opened:
        yield opened
