"""What the records of an answer say about its cost. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cluster_ai.gateway.dialects.records import Record

MOST_TOKENS: Final = 10**9
"""Of one call: a node that claims more is wrong, and sums of such claims would fit no column."""
_NS: Final = 1e9
_LONGEST: Final = 10**15
"""Nanoseconds."""


@dataclass(slots=True)
class Usage:
    """Tokens and seconds as the node tells them; zeros where it does not."""

    prompt_tokens: int = 0
    prompt_seconds: float = 0.0
    output_tokens: int = 0
    output_seconds: float = 0.0
    load_seconds: float = 0.0

    def hear(self, record: Record) -> None:
        """``read`` of one record of a stream, of which hardly any says a word about it."""
        if record.data is not None and (b"eval_count" in record.raw or b"usage" in record.raw):
            self.read(record.data)

    def read(self, data: Mapping[str, Any]) -> None:
        """Takes over what ``data``, a record or a whole answer in any dialect, says."""
        if "eval_count" in data or "prompt_eval_count" in data:
            self.prompt_tokens = _whole(data, "prompt_eval_count")
            self.prompt_seconds = _whole(data, "prompt_eval_duration", _LONGEST) / _NS
            self.output_tokens = _whole(data, "eval_count")
            self.output_seconds = _whole(data, "eval_duration", _LONGEST) / _NS
            self.load_seconds = _whole(data, "load_duration", _LONGEST) / _NS
        for place in (data, data.get("message"), data.get("response")):
            if isinstance(place, dict) and "usage" in place and isinstance(said := place["usage"], dict):
                self.prompt_tokens = _either(said, "prompt_tokens", "input_tokens") or self.prompt_tokens
                self.output_tokens = _either(said, "completion_tokens", "output_tokens") or self.output_tokens


def _whole(data: Mapping[str, Any], name: str, most: int = MOST_TOKENS) -> int:
    value = data.get(name)
    return min(value, most) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _either(data: Mapping[str, Any], *names: str) -> int:
    return next((found for name in names if (found := _whole(data, name))), 0)
