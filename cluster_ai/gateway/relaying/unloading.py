"""A wish to unload a model, which means it wherever it is loaded. Pure."""

from collections.abc import Iterable
from typing import Final

from cluster_ai.gateway.dialects.call import Call
from cluster_ai.gateway.nodes.upstreams import Upstream
from cluster_ai.gateway.types import ModelView

_PATHS: Final = frozenset({"/api/chat", "/api/generate"})


def unloads(call: Call) -> bool:
    """A call without a prompt that keeps its model for no time, as Ollama has it."""
    return call.path.path in _PATHS and not call.chain.links and call.fields.get("keep_alive") in {0, "0", "0s", "0m"}


def loaded_on(serving: Iterable[tuple[Upstream, ModelView]]) -> list[str]:
    """Names of the nodes that have the model in memory."""
    return [upstream.name for upstream, model in serving if model.loaded]
