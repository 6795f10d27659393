"""Content blocks of Anthropic's messages as messages of Ollama's chat. Pure.

What a local model cannot be given is refused with the path of the block; what only speaks of Anthropic's own service
(cache marks, redacted thinking, citation settings) is left out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cluster_ai.core.errors import InvalidInput

Record = dict[str, Any]


@dataclass(slots=True)
class Turn:
    """What the blocks of one message come to."""

    names: Mapping[str, str]
    """Tools by the id of their call, of all the messages before."""
    texts: list[str] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    thinking: list[str] = field(default_factory=list)
    calls: list[Record] = field(default_factory=list)
    results: list[Record] = field(default_factory=list)

    def messages(self, role: str) -> list[Record]:
        """Results of tools first: they answer the turn before."""
        # What the assistant said comes back as it was said; a user's blocks are texts of their own.
        said: Record = {"role": role, "content": ("" if role == "assistant" else "\n").join(self.texts)}
        more = {"images": self.images, "thinking": "".join(self.thinking), "tool_calls": self.calls}
        said |= {name: value for name, value in more.items() if value}
        is_empty = not said["content"] and len(said) == len(("role", "content"))
        return self.results if is_empty and self.results else [*self.results, said]


def text_at(row: Mapping[str, Any], name: str, path: str) -> str:
    """A field that must be a text.

    Raises:
        InvalidInput: it is not.
    """
    value = row.get(name)
    if not isinstance(value, str):
        raise wrong(_below(path, name), "must be a text" if name in row else "is required")
    return value


def object_at(row: Mapping[str, Any], name: str, path: str) -> Record:
    """A field that must be an object.

    Raises:
        InvalidInput: it is not.
    """
    value = row.get(name)
    if not isinstance(value, dict):
        raise wrong(_below(path, name), "must be an object" if name in row else "is required")
    return value


def blocks_at(content: Any, path: str) -> list[Record]:
    """A content as blocks; a plain text is one.

    Raises:
        InvalidInput: it is neither.
    """
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list):
        raise wrong(path, "must be a text or a list of content blocks")
    for place, block in enumerate(content):
        if not isinstance(block, dict):
            raise wrong(f"{path}.{place}", "must be an object")
    return content


def _below(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def wrong(path: str, what: str) -> InvalidInput:
    return InvalidInput(f"{path}: {what}", path=path)


def take(turn: Turn, block: Record, *, role: str, path: str) -> None:
    """One block into ``turn``.

    Raises:
        InvalidInput: it is no such block, or none that a local model can be given.
    """
    kind = text_at(block, "type", path)
    if (taken := _BLOCKS.get((role, kind)) or _BLOCKS.get(("", kind))) is None:
        raise wrong(f"{path}.type", f"{kind[:40]!r} cannot be given to a local model here ({role} message)")
    taken(turn, block, path)


def _text(turn: Turn, block: Record, path: str) -> None:
    turn.texts.append(text_at(block, "text", path))


def _image(turn: Turn, block: Record, path: str) -> None:
    source = object_at(block, "source", path)
    if (kind := text_at(source, "type", f"{path}.source")) != "base64":
        raise wrong(f"{path}.source.type", f"{kind[:40]!r} images cannot be fetched here; send them as base64")
    turn.images.append(text_at(source, "data", f"{path}.source"))


def _document(turn: Turn, block: Record, path: str) -> None:
    source = object_at(block, "source", path)
    match text_at(source, "type", f"{path}.source"):
        case "text":
            text = text_at(source, "data", f"{path}.source")
        case "content":
            text = _plain(source.get("content"), f"{path}.source.content")
        case kind:
            raise wrong(f"{path}.source.type", f"{kind[:40]!r} documents cannot be read here; send their text")
    heads = [head for name in ("title", "context") if isinstance(head := block.get(name), str)]
    turn.texts.append("\n".join([*heads, text]))


def _search_result(turn: Turn, block: Record, path: str) -> None:
    heads = [text_at(block, "title", path), text_at(block, "source", path)]
    turn.texts.append("\n".join([*heads, _plain(block.get("content"), f"{path}.content")]))


def _plain(content: Any, path: str) -> str:
    return "\n".join(text_at(block, "text", f"{path}.{at}") for at, block in enumerate(blocks_at(content, path)))


def _thinking(turn: Turn, block: Record, path: str) -> None:
    turn.thinking.append(text_at(block, "thinking", path))


def _tool_use(turn: Turn, block: Record, path: str) -> None:
    function = {"name": text_at(block, "name", path), "arguments": object_at(block, "input", path)}
    turn.calls.append({"id": text_at(block, "id", path), "function": function})


def _tool_result(turn: Turn, block: Record, path: str) -> None:
    inner = Turn(turn.names)
    for place, part in enumerate(blocks_at(block.get("content", ""), f"{path}.content")):
        take(inner, part, role="tool_result", path=f"{path}.content.{place}")
    call = text_at(block, "tool_use_id", path)
    said = inner.messages("tool")[-1]
    if block.get("is_error") is True:
        # Ollama has no mark for it; the model must read it.
        said["content"] = f"Error: {said['content']}"
    name = {"tool_name": turn.names[call]} if call in turn.names else {}
    turn.results.append({**said, **name, "tool_call_id": call})


def _nothing(turn: Turn, block: Record, path: str) -> None:
    del turn, block, path


_BLOCKS: Final[Mapping[tuple[str, str], Callable[[Turn, Record, str], None]]] = {
    ("", "text"): _text,
    ("", "document"): _document,
    ("", "search_result"): _search_result,
    ("user", "image"): _image,
    ("user", "tool_result"): _tool_result,
    ("tool_result", "image"): _image,
    ("assistant", "thinking"): _thinking,
    ("assistant", "redacted_thinking"): _nothing,
    ("assistant", "tool_use"): _tool_use,
}
