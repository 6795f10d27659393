"""A call fitted to the nodes and the model that it goes to: translated, warned about, or refused. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from cluster_ai.gateway.dialects.anthropic import CHAT, Translated, translated, user_of
from cluster_ai.gateway.dialects.call import Call
from cluster_ai.gateway.dialects.paths import MESSAGES, RELAYED, RESPONSES
from cluster_ai.gateway.dialects.prefix import chain_of
from cluster_ai.gateway.dialects.responses import all_speak, not_spoken, speaks
from cluster_ai.gateway.dialects.tools import asks_much, fitted, refuse_pictures, without_thinking
from cluster_ai.gateway.types import ToolsPolicy

_CHATS: Final = frozenset(
    {CHAT, "/api/generate", "/v1/chat/completions", "/v1/completions", MESSAGES.path, RESPONSES.path}
)


@dataclass(frozen=True, slots=True)
class Serving:
    """A node that has the model."""

    name: str
    version: str
    can: tuple[str, ...] = ()
    """What the model can as the node tells it; empty when it does not."""


@dataclass(frozen=True, slots=True)
class Fit:
    """``told``: how the answer must be translated back; None when it goes on as it comes."""

    call: Call
    warnings: tuple[str, ...] = ()
    told: Translated | None = None


def needs_fitting(call: Call) -> bool:
    """Whether ``fit`` could change anything: most calls are spared the question who serves them."""
    path = call.path.path
    return path in {MESSAGES.path, RESPONSES.path} or (path in _CHATS and asks_much(call.fields))


def fit(call: Call, nodes: Sequence[Serving], *, policy: ToolsPolicy) -> Fit:
    """The call as these nodes take it.

    Raises:
        InvalidInput: it asks what the model cannot, or what cannot be translated.
        Unsupported: none of them knows its path.
    """
    can = frozenset[str]().union(*(node.can for node in nodes))
    path = call.path.path
    # Only a translated stream can go on from another node.
    wants_ours = call.stream and call.may_resume
    if path == MESSAGES.path and (wants_ours or not all_speak((node.version for node in nodes), path)):
        return _translated(call, can, policy)
    done = fitted(call.fields, model=call.model, can=can, policy=policy)
    if path == RESPONSES.path:
        call = _to_those_who_speak(call, nodes)
    return Fit(_with(call, done.fields), done.warnings)


def _translated(call: Call, can: frozenset[str], policy: ToolsPolicy) -> Fit:
    # Looked for here, too, where they stand in the fields that the caller knows.
    refuse_pictures(call.fields, model=call.model, can=can)
    told = translated(call.fields)
    done = fitted(told.body, model=call.model, can=can, policy=policy)
    advised = without_thinking(done.fields, model=call.model, can=can)
    warnings = (*told.warnings, *done.warnings, *advised.warnings)
    return Fit(_with(replace(call, path=RELAYED[CHAT], came_to=call.path.path), advised.fields), warnings, told)


def _with(call: Call, fields: Mapping[str, Any]) -> Call:
    if fields is call.fields:
        return call
    return replace(call, fields=fields, body=orjson.dumps(fields), chain=chain_of(fields))


def _to_those_who_speak(call: Call, nodes: Sequence[Serving]) -> Call:
    path = call.path.path
    spoken = frozenset(node.name for node in nodes if speaks(node.version, path))
    if nodes and not spoken:
        raise not_spoken(path, call.model, [node.version for node in nodes])
    if len(spoken) == len(nodes):
        return call
    return replace(call, sender=replace(call.sender, pins=spoken))


def shared_by_user(call: Call) -> Call:
    """An Anthropic call whose sender names their user: users of one key take turns."""
    user = user_of(call.fields)
    sender = call.sender
    key = sender.caller.key_id
    # Who the front end vouches for counts before what the body says.
    if call.path.path != MESSAGES.path or not user or not key or sender.fair not in {"", key}:
        return call
    return replace(call, sender=replace(sender, fair=f"{key}/{user[:64]}"))
