"""What a request asks of a model that the model has not: tools, pictures, thinking. Pure.

Open WebUI offers 36 tools to every model, and Ollama refuses the whole request for them. So tools that nobody can use
are left out, with a warning in the answer's head; ``strict`` refuses as Ollama does. Pictures are never left out: an
answer that has not seen them would be a lie.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cluster_ai.core.errors import InvalidInput
from cluster_ai.gateway.types import ToolsPolicy

WARNING: Final = "X-Cluster-Warning"
_OFFERS: Final = ("tools", "tool_choice", "functions", "function_call", "parallel_tool_calls")
_PICTURES: Final = frozenset({"image", "image_url", "input_image"})


@dataclass(frozen=True, slots=True)
class Fitted:
    """A request that the model can take. ``fields`` is the very same object when nothing had to change."""

    fields: Mapping[str, Any]
    warnings: tuple[str, ...] = ()

    @property
    def header(self) -> dict[str, str]:
        """For the answer's head."""
        return {WARNING: "; ".join(self.warnings)} if self.warnings else {}


def fitted(
    fields: Mapping[str, Any], *, model: str, can: Collection[str], policy: ToolsPolicy = ToolsPolicy.DROP
) -> Fitted:
    """The request without the tools that ``model`` cannot use.

    Args:
        fields: a body of Ollama's, OpenAI's or Anthropic's chat.
        model: its name, for people.
        can: its capabilities as Ollama lists them; empty when they are not known, and then nothing is judged.
        policy: for tools.

    Raises:
        InvalidInput: it has pictures and the model cannot see, or tools and ``policy`` is strict.
    """
    refuse_pictures(fields, model=model, can=can)
    if not can or "tools" in can or not _offers(fields):
        return Fitted(fields)
    if policy is ToolsPolicy.STRICT:
        raise InvalidInput(f'"{model}" does not support tools', path="tools")
    kept = {name: value for name, value in fields.items() if name not in _OFFERS}
    return Fitted(kept, (f"tools dropped: {model} has none",))


def refuse_pictures(fields: Mapping[str, Any], *, model: str, can: Collection[str]) -> None:
    """Raises ``InvalidInput`` when there are pictures for a model that is known not to see."""
    if can and "vision" not in can and (path := next(pictures(fields), "")):
        raise InvalidInput(f'"{model}" does not take images', path=path, hint="choose a model that has vision")


def asks_much(fields: Mapping[str, Any]) -> bool:
    """Whether there is anything in a request that a model may lack."""
    return _offers(fields) or next(pictures(fields), "") != ""


def without_thinking(fields: Mapping[str, Any], *, model: str, can: Collection[str]) -> Fitted:
    """A translated request without the wish to think that a model cannot follow: there it is advice, Ollama refuses."""
    if not can or "thinking" in can or not fields.get("think"):
        return Fitted(fields)
    kept = {name: value for name, value in fields.items() if name != "think"}
    return Fitted(kept, (f"thinking dropped: {model} has none",))


def pictures(fields: Mapping[str, Any]) -> Iterator[str]:
    """Where a body has pictures, as dotted paths."""
    if fields.get("images"):
        yield "images"
    # Of a chat, or of OpenAI's responses.
    for name in ("messages", "input"):
        rows = fields.get(name)
        for place, row in enumerate(rows if isinstance(rows, list) else ()):
            # Most messages are a text: they cost no more than these two looks.
            if isinstance(row, dict) and (row.get("images") or isinstance(row.get("content"), list)):
                yield from _of_message(row, f"{name}.{place}")


def _of_message(message: Mapping[str, Any], path: str) -> Iterator[str]:
    if message.get("images"):
        yield f"{path}.images"
    parts = message.get("content")
    for place, part in enumerate(parts if isinstance(parts, list) else ()):
        kind = str(part.get("type")) if isinstance(part, dict) else ""
        if kind in _PICTURES:
            yield f"{path}.content.{place}"
        elif kind == "tool_result":
            yield from _of_message(part, f"{path}.content.{place}")


def _offers(fields: Mapping[str, Any]) -> bool:
    return bool(fields.get("tools") or fields.get("functions"))
