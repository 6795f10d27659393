"""What the gateway refused or a node did not do, as errors of the API, with the gateway's own codes. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from cluster_ai.core.errors import (
    ClusterError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    Unavailable,
    Unsupported,
)
from cluster_ai.core.wire import parse_json
from cluster_ai.gateway.managing.questions import NodeFailed

_LONGEST: Final = 2000
_NO_REASON: Final = "the gateway answered {}"
_ADD_OLLAMA: Final = (
    "start Ollama on this machine, it is found by itself, or name one elsewhere: [[gateway.upstreams]] in config.toml"
)
_NAMES: Final = (("node", re.compile(r"no node is called (\S+)")), ("model", re.compile(r"model '([^']+)' not found")))
"""What sentences of the gateway name, for those in other languages."""
_KINDS: Final[Mapping[int, type[ClusterError]]] = {
    400: InvalidInput,
    403: Forbidden,
    404: NotFound,
    405: Unsupported,
    409: Conflict,
    413: InvalidInput,
    422: InvalidInput,
    501: Unsupported,
}


class CannotManageModels(Unsupported):
    """The embedded node serves what it ships and what the configuration names; it fetches and removes nothing."""

    code = "node_cannot_manage_models"


class NodesFailed(ClusterError):
    """Some node did not do what it was asked; the sentence says which, and where it was done all the same."""

    code = NodeFailed.code


@dataclass(frozen=True, slots=True)
class Said:
    """An error body of Ollama's or OpenAI's shape. ``nodes``: what became of a change, by node."""

    error: str = ""
    code: str = ""
    hint: str = ""
    nodes: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)


def said_in(raw: bytes) -> Said:
    """The error in a body or a line of a stream; empty when there is none."""
    try:
        found = parse_json(raw)
    except InvalidInput:
        return Said()
    if not isinstance(found, dict) or not (error := found.get("error")):
        return Said()
    inner = error if isinstance(error, dict) else {"message": error, "code": found.get("code")}
    nodes = found.get("nodes")
    rows = nodes.items() if isinstance(nodes, dict) else ()
    return Said(
        str(inner.get("message", ""))[:_LONGEST],
        str(inner.get("code") or "")[:100],
        str(found.get("hint") or "")[:_LONGEST],
        {name: str(outcome) for name, outcome in rows},
        _texts(found.get("values")),
    )


def refusal(status: int, said: Said, *, retry_after: str = "") -> ClusterError:
    """The error that the gateway's answer of ``status`` stands for."""
    message = said.error or _NO_REASON.format(status)
    if said.code == NodeFailed.code:
        return _of_nodes(status, message, said)
    kind = _KINDS.get(status)
    if kind is None:
        # Also a 401: the gateway is not of this cluster, or has another token; the caller can do nothing about it.
        seconds = float(retry_after) if retry_after.isdecimal() else 1.0
        error = Unavailable(message, hint=said.hint, retry_after=seconds, values=said.values)
        return error.coded(said.code if status == HTTPStatus.SERVICE_UNAVAILABLE else "")
    return kind(message, hint=said.hint, values=said.values or _values(message)).coded(said.code)


def _of_nodes(status: int, message: str, said: Said) -> ClusterError:
    done = ", ".join(name for name, outcome in said.nodes.items() if outcome == "done")
    if done:
        return NodesFailed(f"{message} (done on {done})")
    match status:
        case 501:
            return CannotManageModels(message, hint=_ADD_OLLAMA)
        case 400 | 404:
            return _KINDS[status](message).coded(said.code)
        case _:
            return NodesFailed(message)


def _texts(found: object) -> dict[str, str]:
    rows = found.items() if isinstance(found, dict) else ()
    return {str(name)[:100]: str(text)[:_LONGEST] for name, text in rows}


def _values(message: str) -> dict[str, str]:
    for about, sentence in _NAMES:
        if found := sentence.match(message):
            return {"about": about, "name": found[1]}
    return {}
