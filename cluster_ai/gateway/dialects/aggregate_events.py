"""Whole answers of the two dialects that stream named events: Anthropic's messages and OpenAI's responses. Pure."""

from dataclasses import dataclass, field
from typing import Any, Final

import orjson

Record = dict[str, Any]

_GROWS: Final = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}


def item(record: Record, name: str) -> Record:
    """The object in a field; empty when there is none, for a node may say anything."""
    found = record.get(name)
    return found if isinstance(found, dict) else {}


def rows(record: Record, name: str) -> list[Record]:
    """The objects of a list in a field."""
    found = record.get(name)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def index_of(record: Record, otherwise: int = 0) -> int:
    """The place that a record gives itself."""
    index = record.get("index")
    return index if isinstance(index, int) else otherwise


@dataclass(slots=True)
class _Block:
    """A content block. Its bits are joined at the end: a long text grows by thousands of them."""

    fields: Record
    bits: dict[str, list[str]] = field(default_factory=dict)

    def add(self, delta: Record) -> None:
        kind = str(delta.get("type"))
        if name := _GROWS.get(kind):
            self.bits.setdefault(name, []).append(str(delta.get(name, "")))
        elif kind == "input_json_delta":
            self.bits.setdefault("input", []).append(str(delta.get("partial_json", "")))
        elif kind == "citations_delta":
            self.fields["citations"] = [*(self.fields.get("citations") or ()), delta.get("citation")]

    def whole(self) -> Record:
        said: Record = {name: (self.fields.get(name) or "") + "".join(bits) for name, bits in self._texts()}
        if written := "".join(self.bits.get("input", ())):
            said["input"] = parsed_input(written)
        return self.fields | said

    def _texts(self) -> list[tuple[str, list[str]]]:
        return [(name, bits) for name, bits in self.bits.items() if name != "input"]


def parsed_input(written: str) -> Record:
    """A tool's input as it was written."""
    try:
        found = orjson.loads(written)
    except orjson.JSONDecodeError:
        found = None
    # A small model slips; its words are worth more to the caller than our complaint.
    return found if isinstance(found, dict) else {"arguments": written}


@dataclass(slots=True)
class WholeMessage:
    """Of ``/v1/messages``."""

    message: Record = field(default_factory=dict)
    blocks: dict[int, _Block] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        match record.get("type"):
            case "message_start":
                self.message = dict(item(record, "message"))
            case "content_block_start":
                self.blocks[index_of(record)] = _Block(dict(item(record, "content_block")))
            case "content_block_delta" if block := self.blocks.get(index_of(record)):
                block.add(item(record, "delta"))
            case "message_delta":
                self.message |= item(record, "delta")
                self.message["usage"] = {**item(self.message, "usage"), **item(record, "usage")}

    def body(self) -> bytes:
        content = [block.whole() for _, block in sorted(self.blocks.items())]
        return orjson.dumps(self.message | {"content": content})


@dataclass(slots=True)
class WholeResponse:
    """Of ``/v1/responses``: the event that ends the stream carries all of it."""

    response: Record = field(default_factory=dict)

    def add(self, record: Record) -> None:
        self.response = item(record, "response") or self.response

    def body(self) -> bytes:
        return orjson.dumps(self.response)
