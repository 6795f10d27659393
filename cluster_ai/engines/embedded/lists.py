"""What the node has and what stands in memory: tags, ps, show; and what it refuses to do with models."""

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from starlette.responses import JSONResponse, Response

from cluster_ai.core.clock import utc_now
from cluster_ai.core.errors import ClusterError, InvalidInput, Unsupported
from cluster_ai.engines.catalog import LocalGguf
from cluster_ai.engines.embedded.bodies import NamedBody, parsed
from cluster_ai.engines.embedded.exchange import OPENAI, Reply, status_of
from cluster_ai.engines.embedded.node import Node
from cluster_ai.engines.embedded.ollama import stamp
from cluster_ai.engines.embedded.profiles import capabilities, profile_of

FOR_EVER: Final = timedelta(days=36_500)
"""Ollama, too, writes a date beyond everybody's life for a model that is kept."""
OLLAMA_API: Final = "0.12.6"
"""The version of Ollama whose API this node speaks; clients parse it as numbers."""


def tags(node: Node) -> dict[str, Any]:
    """Every model that can be asked."""
    return {"models": [_listed(model) | {"modified_at": _when(model)} for model in node.catalog.models.values()]}


def loaded(node: Node) -> dict[str, Any]:
    """Every model in memory and when it goes."""
    return {"models": list(_loaded(node, utc_now()))}


def _loaded(node: Node, now: datetime) -> Iterator[dict[str, Any]]:
    for place in node.residency.places.values():
        model = node.catalog.find(place.name)
        if model is None or not place.resident:
            continue
        # One in use goes so long after its use; until then that is counted from now.
        left = place.keep_alive if place.users else place.expires_at - node.clock()
        expires = now + (FOR_EVER if math.isinf(left) else timedelta(seconds=max(0.0, left)))
        yield _listed(model) | {
            "expires_at": stamp(expires),
            "size_vram": 0,
            "context_length": place.spec.context,
            # Ollama does not say how many answers it writes side by side; our gateway need not guess it of us.
            "slots": place.spec.slots,
        }


def _listed(model: LocalGguf) -> dict[str, Any]:
    named = {"name": model.name, "model": model.name, "size": model.size, "digest": model.digest}
    return named | {"details": _details(model), "capabilities": capabilities(model)}


def _details(model: LocalGguf) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "gguf",
        "family": model.family,
        "families": [model.family],
        "parameter_size": model.parameter_size,
        "quantization_level": model.quantization,
    }


async def show(node: Node, body: dict[str, Any], reply: Reply) -> None:
    asked = parsed(NamedBody, body)
    model = node.find(asked.model or asked.name)
    profile, facts = profile_of(model), model.facts
    parameters = "\n".join(f"{name:<30} {value}" for name, value in profile.parameters.items())
    info = {
        "general.architecture": facts.architecture,
        "general.parameter_count": facts.parameter_count,
        f"{facts.architecture}.context_length": facts.context_length,
        f"{facts.architecture}.embedding_length": facts.embedding_length,
        f"{facts.architecture}.block_count": facts.block_count,
        "tokenizer.ggml.model": facts.tokenizer_model,
    }
    await reply.json(
        {
            "modelfile": _modelfile(model),
            "parameters": parameters,
            "template": facts.chat_template,
            "system": profile.system,
            "details": _details(model),
            "model_info": info,
            "capabilities": capabilities(model),
            "modified_at": _when(model),
        }
    )


def _modelfile(model: LocalGguf) -> str:
    profile = profile_of(model)
    lines = [f"FROM {model.path.name}", *(f"PARAMETER {name} {value}" for name, value in profile.parameters.items())]
    return "\n".join([*lines, *([f"SYSTEM {profile.system}"] if profile.system else [])])


async def pull(node: Node, body: dict[str, Any], reply: Reply) -> None:
    """A model that stands here needs no download; any other cannot be fetched."""
    asked = parsed(NamedBody, body)
    name = asked.model or asked.name
    if not name:
        raise InvalidInput("model is required", path="model")
    if node.catalog.find(name) is None:
        raise Unsupported(
            f"this node cannot pull '{name[:200]}': it serves its built-in models and the GGUF files named under "
            "[node] in config.toml; pull on an Ollama node"
        )
    await reply.json({"status": "success"})


async def refuse_change(_node: Node, _body: dict[str, Any], _reply: Reply) -> None:
    raise Unsupported(
        "this node cannot change its models: it serves its built-in ones and the GGUF files named under [node] in "
        "config.toml"
    )


def _when(model: LocalGguf) -> str:
    return stamp(model.modified_at)


def openai_models(node: Node) -> dict[str, Any]:
    return {"object": "list", "data": [_openai(model) for model in node.catalog.models.values()]}


def openai_model(node: Node, name: str) -> Response:
    try:
        return JSONResponse(_openai(node.find(name)))
    except ClusterError as exc:
        status = status_of(exc)
        return JSONResponse(OPENAI.fault(status, exc), status)


def _openai(model: LocalGguf) -> dict[str, Any]:
    created = int(model.modified_at.timestamp())
    return {"id": model.name, "object": "model", "created": created, "owned_by": "library"}
