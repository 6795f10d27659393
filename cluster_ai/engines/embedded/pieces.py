"""What llama.cpp's chunks say, read once for both dialects."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from cluster_ai.engines.embedded.node import Chunk


@dataclass(frozen=True, slots=True)
class Piece:
    """A bit of the answer. ``logprobs`` are llama.cpp's, one a token."""

    text: str
    thinking: str = ""
    logprobs: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Tally:
    """What is known once the answer is written. Counts in tokens, times in milliseconds."""

    reason: str = "stop"
    prompt_tokens: int = 0
    tokens: int = 0
    prompt_ms: float = 0.0
    tokens_ms: float = 0.0
    calls: dict[int, dict[str, str]] = field(default_factory=dict)
    """Tool calls by their index; the arguments come as bits of JSON text."""

    def note(self, chunk: Chunk) -> None:
        if usage := chunk.get("usage"):
            self.prompt_tokens = usage["prompt_tokens"]
            self.tokens = usage["completion_tokens"]
        if timings := chunk.get("timings"):
            self.prompt_ms = timings["prompt_ms"]
            self.tokens_ms = timings["predicted_ms"]
        for choice in chunk["choices"]:
            self.reason = choice.get("finish_reason") or self.reason
            for call in choice.get("delta", {}).get("tool_calls") or ():
                self._call(call)

    def tool_calls(self) -> list[tuple[str, Any]]:
        """Names and parsed arguments."""
        return [(call["name"], _parsed(call["arguments"])) for _, call in sorted(self.calls.items())]

    def _call(self, call: dict[str, Any]) -> None:
        known = self.calls.setdefault(call.get("index", 0), {"name": "", "arguments": ""})
        said = call.get("function", {})
        known["name"] += said.get("name") or ""
        known["arguments"] += said.get("arguments") or ""


async def pieces(chunks: AsyncIterator[Chunk], tally: Tally) -> AsyncIterator[Piece]:
    """The bits that say something; the rest goes into ``tally``."""
    async for chunk in chunks:
        tally.note(chunk)
        for choice in chunk["choices"]:
            piece = _piece(choice)
            if piece.text or piece.thinking:
                yield piece


async def whole(chunks: AsyncIterator[Chunk], tally: Tally) -> Piece:
    """The answer in one piece."""
    found = [piece async for piece in pieces(chunks, tally)]
    return Piece(
        "".join(piece.text for piece in found),
        "".join(piece.thinking for piece in found),
        [token for piece in found for token in piece.logprobs],
    )


def _piece(choice: dict[str, Any]) -> Piece:
    delta = choice.get("delta", {})
    text = choice.get("text") or delta.get("content") or ""
    return Piece(text, delta.get("reasoning_content") or "", (choice.get("logprobs") or {}).get("content") or [])


def _parsed(arguments: str) -> Any:
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        # A small model's slip; its words are worth more to the caller than our complaint.
        return {"arguments": arguments}
