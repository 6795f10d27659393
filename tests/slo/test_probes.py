"""Which model a quiet node is asked for: one that is in its memory anyway, or none."""

import pytest

from backend.slo_probe import probed
from cluster_ai.gateway.types import BreakerState, ModelView, UpstreamKind, UpstreamState
from cluster_ai.views import NodeView

LOADED = ModelView(name="b", loaded=True, capabilities=("completion",))


@pytest.mark.parametrize(
    ("fields", "model"),
    [
        ({"models": (ModelView(name="a"), LOADED)}, "b"),
        ({"models": (ModelView(name="a"),)}, ""),
        ({"models": (ModelView(name="a", loaded=True, capabilities=("embedding",)), LOADED)}, "b"),
        ({"models": (LOADED,), "state": UpstreamState.DOWN}, ""),
        ({"models": (LOADED,), "draining": True}, ""),
    ],
)
def test_only_what_is_loaded_and_can_answer_is_asked(fields: dict[str, object], model: str) -> None:
    node = {
        "name": "n", "url": "http://n", "kind": UpstreamKind.OLLAMA, "state": UpstreamState.HEALTHY,
        "breaker": BreakerState.CLOSED,
    }  # fmt: skip
    assert probed(NodeView.model_validate(node | fields)) == model
