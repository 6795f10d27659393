"""Requests of Anthropic's Messages API as requests of Ollama's chat. Pure.

Source: https://docs.anthropic.com/en/api/messages and https://docs.ollama.com/api/chat.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cluster_ai.core.errors import InvalidInput
from cluster_ai.gateway.dialects.anthropic_blocks import Record, Turn, blocks_at, object_at, take, text_at, wrong

CHAT: Final = "/api/chat"

_KNOWN: Final = frozenset(
    {"model", "max_tokens", "messages", "system", "stream", "temperature", "top_p", "top_k", "stop_sequences", "tools"}
    | {"tool_choice", "thinking", "metadata", "output_config"}
)
_QUIET: Final = frozenset(
    {"cache_control", "service_tier", "inference_geo", "speed", "diagnostics", "user_profile_id", "workspace_id"}
)
"""Of Anthropic's own service: without them nothing that is said changes."""
_REFUSED: Final = frozenset({"container", "mcp_servers"})
"""Asks for work that nobody does here."""
_ROLES: Final = frozenset({"user", "assistant", "system"})


@dataclass(frozen=True, slots=True)
class Translated:
    """A request as a node takes it, and what its answer must keep to."""

    body: Record
    """Of ``/api/chat``."""
    warnings: tuple[str, ...] = ()
    one_call: bool = False
    """No more than one tool may be called."""
    forced: str = ""
    """The tool whose input the answer is: the words come as that input, not as a text."""


def to_ollama(fields: Mapping[str, Any]) -> Record:
    """The body for ``/api/chat``; see ``translated``."""
    return translated(fields).body


def translated(fields: Mapping[str, Any], *, counting: bool = False) -> Translated:
    """The request for ``/api/chat``. ``counting``: of ``count_tokens``, which needs no ``max_tokens``.

    Raises:
        InvalidInput: with the path of the field that is wrong, or that no node here could follow.
    """
    if refused := sorted(_REFUSED & {name for name, value in fields.items() if value is not None}):
        raise wrong(refused[0], "is done by Anthropic's own service only")
    body: Record = {"model": text_at(fields, "model", "")} if "model" in fields else {}
    body["messages"] = [*_system(fields.get("system")), *_messages(fields.get("messages"))]
    body["stream"] = fields.get("stream") is True
    body["options"] = _options(fields, counting=counting)
    body |= _think(fields) | _format(fields)
    tools, choice = _tools(fields.get("tools")), _choice(fields)
    forced = _forced(choice, tools, body)
    if tools and not forced and choice.get("type") != "none":
        body["tools"] = tools
    unknown = sorted(fields.keys() - _KNOWN - _QUIET)
    warnings = (f"ignored: {', '.join(name[:40] for name in unknown[:8])}",) if unknown else ()
    return Translated(body, warnings, choice.get("disable_parallel_tool_use") is True, forced)


def user_of(fields: Mapping[str, Any]) -> str:
    """Who the request is for, as its sender names them; empty when it does not say."""
    metadata = fields.get("metadata")
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    return user if isinstance(user, str) else ""


def _system(system: Any) -> list[Record]:
    if system is None:
        return []
    texts = [text_at(block, "text", f"system.{place}") for place, block in enumerate(blocks_at(system, "system"))]
    said = "\n".join(text for text in texts if text)
    return [{"role": "system", "content": said}] if said else []


def _messages(messages: Any) -> list[Record]:
    if not isinstance(messages, list) or not messages:
        raise wrong("messages", "is required" if messages is None else "must be a list of at least one message")
    names: dict[str, str] = {}
    found: list[Record] = []
    for place, message in enumerate(messages):
        path = f"messages.{place}"
        if not isinstance(message, dict):
            raise wrong(path, "must be an object")
        role = text_at(message, "role", path)
        if role not in _ROLES:
            raise wrong(f"{path}.role", "must be user or assistant")
        turn = Turn(names)
        for at, block in enumerate(blocks_at(message.get("content"), f"{path}.content")):
            take(turn, block, role=role, path=f"{path}.content.{at}")
        names |= {call["id"]: call["function"]["name"] for call in turn.calls}
        found += turn.messages(role)
    return found


def _options(fields: Mapping[str, Any], *, counting: bool) -> Record:
    options: Record = {}
    if not counting:
        limit = fields.get("max_tokens")
        if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
            raise wrong("max_tokens", "is required" if limit is None else "must be a whole number of at least 1")
        options["num_predict"] = limit
    for name in ("temperature", "top_p", "top_k"):
        if (value := fields.get(name)) is not None:
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise wrong(name, "must be a number")
            options[name] = value
    if stops := fields.get("stop_sequences"):
        if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops):
            raise wrong("stop_sequences", "must be a list of texts")
        options["stop"] = stops
    return options


def _think(fields: Mapping[str, Any]) -> Record:
    """Whether to think. Left to the model where the request leaves it; a budget of tokens has no counterpart."""
    if fields.get("thinking") is None:
        return {}
    match text_at(object_at(fields, "thinking", ""), "type", "thinking"):
        case "enabled":
            return {"think": True}
        case "disabled":
            return {"think": False}
        case "adaptive" | "between_tools":
            return {}
        case kind:
            raise wrong("thinking.type", f"{kind[:40]!r} is not known here")


def _format(fields: Mapping[str, Any]) -> Record:
    config = fields.get("output_config")
    if config is None or not isinstance(config, dict) or config.get("format") is None:
        return {}
    path = "output_config.format"
    wanted = object_at(config, "format", "output_config")
    if text_at(wanted, "type", path) != "json_schema":
        raise wrong(f"{path}.type", "must be json_schema")
    return {"format": object_at(wanted, "schema", path)}


def _tools(tools: Any) -> list[Record]:
    if tools is None:
        return []
    if not isinstance(tools, list):
        raise wrong("tools", "must be a list")
    return [_tool(tool, f"tools.{place}") for place, tool in enumerate(tools)]


def _tool(tool: Any, path: str) -> Record:
    if not isinstance(tool, dict):
        raise wrong(path, "must be an object")
    if (kind := tool.get("type")) not in (None, "custom"):
        raise wrong(f"{path}.type", f"{str(kind)[:40]!r} is done by Anthropic's own service or models only")
    function: Record = {"name": text_at(tool, "name", path)}
    if isinstance(about := tool.get("description"), str):
        function["description"] = about
    function["parameters"] = object_at(tool, "input_schema", path)
    return {"type": "function", "function": function}


def _choice(fields: Mapping[str, Any]) -> Record:
    if fields.get("tool_choice") is None:
        return {}
    choice = object_at(fields, "tool_choice", "")
    if text_at(choice, "type", "tool_choice") not in {"auto", "any", "tool", "none"}:
        raise wrong("tool_choice.type", "must be auto, any, tool or none")
    return choice


def _forced(choice: Record, tools: list[Record], body: Record) -> str:
    """The tool that must be called, if one must. Ollama cannot be told to call it, but its answers can be held to a
    schema: to that of the tool's input. ``body`` is changed so.
    """
    kind = choice.get("type")
    if kind not in {"any", "tool"}:
        return ""
    functions = {tool["function"]["name"]: tool["function"] for tool in tools}
    if kind == "any" and len(functions) != 1:
        raise wrong("tool_choice.type", "'any' of several tools cannot be enforced here; name one, or say auto")
    name = next(iter(functions)) if kind == "any" else text_at(choice, "name", "tool_choice")
    if name not in functions:
        raise wrong("tool_choice.name", "is none of the tools")
    if "format" in body:
        raise InvalidInput("output_config.format and a forced tool exclude each other", path="tool_choice")
    asked = f"Reply with the JSON arguments of the tool {name} and nothing else."
    about = functions[name].get("description")
    body["format"] = functions[name]["parameters"]
    body["messages"] = _told(body["messages"], f"{asked} It does this: {about}" if about else asked)
    return name


def _told(messages: list[Record], words: str) -> list[Record]:
    """With ``words`` at the end of the system's text."""
    first = messages[0]
    if first["role"] != "system":
        return [{"role": "system", "content": words}, *messages]
    return [{**first, "content": f"{first['content']}\n{words}"}, *messages[1:]]
