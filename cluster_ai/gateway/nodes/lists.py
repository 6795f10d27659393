"""Merged lists of all nodes, from what the probes brought: never a question to a node while a client waits."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from cluster_ai.gateway.nodes.pool import Pool
from cluster_ai.gateway.routing import full_name

NO_OLLAMA: Final = "0.0.0"


def tags(pool: Pool) -> dict[str, Any]:
    """``/api/tags``: each model once, as the first node that has it describes it; then the aliases."""
    served = pool.models()
    named = [{**served[name][1], "name": alias, "model": alias} for alias, name in pool.aliases().items()]
    return {"models": [dict(record) for _, record in served.values()] + named}


def loaded(pool: Pool) -> dict[str, Any]:
    """``/api/ps``: what is in memory, on every node."""
    return {"models": [dict(record) for record in pool.loaded()]}


def version(pool: Pool) -> dict[str, Any]:
    """``/api/version``: the oldest of the nodes', so that clients expect nothing that one of them lacks."""
    known = [upstream.picture.version for upstream in pool.all() if upstream.picture.version]
    return {"version": min(known, key=_numbers, default=NO_OLLAMA)}


def openai_models(pool: Pool) -> dict[str, Any]:
    """``/v1/models``."""
    served = pool.models()
    names = {name: name for name in served} | pool.aliases()
    return {"object": "list", "data": [_openai(called, served[name][1]) for called, name in names.items()]}


def openai_model(pool: Pool, name: str) -> dict[str, Any] | None:
    """``/v1/models/NAME``, which may be an alias; None when no node has it."""
    alias = pool.aliases().get(name)
    found = pool.models().get(alias or full_name(name))
    return None if found is None else _openai(name if alias else full_name(name), found[1])


def _openai(name: str, record: Mapping[str, object]) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _unix(record.get("modified_at")), "owned_by": "library"}


def _unix(written: object) -> int:
    try:
        return int(datetime.fromisoformat(str(written)).timestamp())
    except (ValueError, OverflowError):
        return 0


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int("".join(filter(str.isdecimal, part)) or 0) for part in text.split(".")[:3])
