"""The gateway over three nodes whose models it knows, and Ollama's own client in front of it."""

from collections.abc import Iterator
from contextlib import closing

import ollama
import pytest

from tests.fakes.fleet import FakeNode
from tests.fakes.knobs import MODELS
from tests.gateway.conftest import Gateway
from tests.waiting import until


@pytest.fixture
def cluster(gateway: Gateway) -> Gateway:
    """Three honest nodes with their first models, and a gateway that has seen them so."""
    usual = {model.name for model in MODELS}
    rows = lambda: gateway.state().upstreams  # noqa: E731
    until(lambda: all({model.name for model in row.models} == usual for row in rows()), what="the first models show")
    return gateway


@pytest.fixture
def client(cluster: Gateway) -> Iterator[ollama.Client]:
    with closing(ollama.Client(cluster.url)) as made:
        yield made


def has(node: FakeNode, model: str) -> bool:
    return any(found.name == model for found in node.knobs().models)


def listed(client: ollama.Client) -> set[str | None]:
    return {model.model for model in client.list().models}
