"""A cluster that has only its own node: what it has is listed and shown, what it cannot do it says, by its name."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import ollama
import pytest

from tests.engines.running import CHAT, node
from tests.fakes.fleet import Fleet
from tests.gateway.door import Door, gateway

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with node(tmp_path_factory.mktemp("node")) as embedded, gateway(embedded=embedded.url) as opened:
        yield opened


@pytest.fixture
def client(door: Door) -> Iterator[ollama.Client]:
    with closing(ollama.Client(door.url)) as made:
        yield made


def test_its_models_are_listed_and_shown(client: ollama.Client) -> None:
    assert CHAT in {model.model for model in client.list().models}
    assert client.show(CHAT).details is not None


def test_what_it_has_need_not_be_pulled(client: ollama.Client) -> None:
    assert client.pull(CHAT).status == "success"
    assert [step.status for step in client.pull("smollm2", stream=True)] == ["success"]


@pytest.mark.parametrize("stream", [True, False])
def test_what_it_has_not_it_cannot_fetch(client: ollama.Client, stream: bool) -> None:
    with pytest.raises(ollama.ResponseError, match="embedded: this node cannot pull 'qwen3") as refused:
        list(client.pull("qwen3:0.6b", stream=stream))
    assert refused.value.status_code == 501


def test_it_changes_nothing(client: ollama.Client, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    for act in (
        lambda: client.delete(CHAT),
        lambda: client.copy(CHAT, "mine"),
        lambda: client.create("mine", from_=CHAT),
        lambda: client.push(CHAT),
        lambda: client.create_blob(tmp_path / "x"),
    ):
        with pytest.raises(ollama.ResponseError, match="embedded: this node") as refused:
            act()
        assert refused.value.status_code == 501


def test_beside_an_ollama_it_keeps_its_own(fleet: Fleet, door: Door, client: ollama.Client) -> None:
    """A model that both have: the change is made where it can be, and said where it was."""
    url = next(row.url for row in door.state().upstreams if row.name == "embedded")
    with (
        gateway(fleet.nodes[0], embedded=url) as both,
        closing(ollama.Client(both.url)) as here,
    ):
        assert here.delete(CHAT).status == "success"
        assert CHAT not in {model.name for model in fleet.nodes[0].knobs().models}
        assert CHAT in {model.model for model in here.list().models}
        assert here.pull("new:1b").status == "success"
        assert "new:1b" in {model.name for model in fleet.nodes[0].knobs().models}
