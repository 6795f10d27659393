"""One list of models made of what the nodes have."""

from typing import Any

from cluster_ai.gateway.types import ModelView
from cluster_ai.views import NodeView, merge_models


def node(name: str, state: str, *models: ModelView) -> NodeView:
    row: dict[str, Any] = {"url": f"http://{name}:1", "kind": "ollama", "state": state, "breaker": "closed"}
    return NodeView(name=name, models=models, **row)


def test_a_node_that_is_down_has_its_disk_and_no_memory() -> None:
    small, loaded = ModelView(name="a:1b", size=5), ModelView(name="a:1b", size=5, loaded=True)
    [found] = merge_models((node("n1", "healthy", small), node("n2", "down", loaded), node("n3", "suspect", loaded)))
    assert (found.name, found.size) == ("a:1b", 5)
    assert found.nodes == ("n1", "n2", "n3")
    assert found.loaded_on == ("n3",)
