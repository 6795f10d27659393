"""Ollama's ``options`` as llama.cpp's parameters: an allow-list with ranges. Unknown options are dropped. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cluster_ai.core.errors import InvalidInput

MAX_STOPS: Final = 64
MAX_STOP: Final = 1000
MAX_SCHEMA: Final = 64 * 1024
MAX_PROPERTIES: Final = 500
_UINT32: Final = 0xFFFF_FFFF
_INT32: Final = 0x7FFF_FFFF


@dataclass(frozen=True, slots=True)
class Span:
    """A number's range and whether it must be whole."""

    low: float
    high: float
    whole: bool = False

    def read(self, name: str, value: Any) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidInput(f'option "{name}" must be a number', path=f"options.{name}")
        if not self.low <= value <= self.high:
            raise InvalidInput(
                f'option "{name}" must be between {self.low:g} and {self.high:g}', path=f"options.{name}"
            )
        if self.whole and value != int(value):
            raise InvalidInput(f'option "{name}" must be a whole number', path=f"options.{name}")
        return int(value) if self.whole else float(value)


SAME: Final[Mapping[str, Span]] = {
    "temperature": Span(0, 10),
    "top_k": Span(0, 100_000, whole=True),
    "top_p": Span(0, 1),
    "min_p": Span(0, 1),
    "typical_p": Span(0, 1),
    "repeat_penalty": Span(0.01, 10),
    "presence_penalty": Span(-2, 2),
    "frequency_penalty": Span(-2, 2),
}
"""Options that llama.cpp knows by the same name."""

COUNTS: Final[Mapping[str, Span]] = {
    "seed": Span(-(2**63), 2**63, whole=True),
    "num_predict": Span(-2, _INT32, whole=True),
    "num_ctx": Span(1, _INT32, whole=True),
    "repeat_last_n": Span(-1, _INT32, whole=True),
}

OLLAMA_DEFAULTS: Final[Mapping[str, Any]] = {
    "temperature": 0.8,
    "top_k": 40,
    "top_p": 0.9,
    "min_p": 0.0,
    "repeat_penalty": 1.1,
}
"""Where Ollama's and llama.cpp's differ, Ollama's are what its clients expect. (docs/modelfile.md of Ollama)"""


@dataclass(frozen=True, slots=True)
class Sampling:
    """Parameters for llama.cpp, and what the caller should hear about them."""

    params: dict[str, Any]
    warnings: list[str] = field(default_factory=list)


def sampling(options: Mapping[str, Any], *, defaults: Mapping[str, Any], context: int) -> Sampling:
    """What the caller chose over the model's ``defaults``; ``context`` is the slot's, in tokens.

    Raises:
        InvalidInput: an option has the wrong type or is out of its range.
    """
    chosen = {**OLLAMA_DEFAULTS, **defaults, **{key: value for key, value in options.items() if value is not None}}
    params: dict[str, Any] = {name: span.read(name, chosen[name]) for name, span in SAME.items() if name in chosen}
    counts = {name: int(span.read(name, chosen[name])) for name, span in COUNTS.items() if name in chosen}
    params["n_predict"] = counts["num_predict"] if counts.get("num_predict", -1) > 0 else -1
    if "seed" in counts:
        params["seed"] = counts["seed"] & _UINT32 if counts["seed"] >= 0 else -1
    if "repeat_last_n" in counts:
        params["repeat_last_n"] = min(counts["repeat_last_n"], context) if counts["repeat_last_n"] >= 0 else context
    if "stop" in chosen:
        params["stop"] = stops(chosen["stop"], path="options.stop")
    warnings = []
    if counts.get("num_ctx", 0) > context:
        warnings.append(f"num_ctx {counts['num_ctx']} lowered to {context}, the context of this node's slots")
    return Sampling(params, warnings)


def stops(value: Any, *, path: str) -> list[str]:
    """Where the answer ends: a text or a list of texts.

    Raises:
        InvalidInput: something else, an empty text, or too many.
    """
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(stop, str) for stop in found):
        raise InvalidInput("stop must be a text or a list of texts", path=path)
    if len(found) > MAX_STOPS or any(not stop or len(stop) > MAX_STOP for stop in found):
        raise InvalidInput(f"stop takes up to {MAX_STOPS} texts of 1 to {MAX_STOP} characters", path=path)
    return found


def answer_format(wanted: str | dict[str, Any] | None) -> dict[str, Any]:
    """Ollama's ``format`` as llama.cpp's ``response_format``."""
    if isinstance(wanted, dict):
        return schema_format(wanted)
    return {"response_format": {"type": "json_object"}} if wanted else {}


def schema_format(schema: dict[str, Any]) -> dict[str, Any]:
    """A JSON schema as llama.cpp's ``response_format``.

    Raises:
        InvalidInput: so large that its grammar would hold up everybody: it grows with the square of the properties.
    """
    if len(json.dumps(schema)) > MAX_SCHEMA or any(len(found) > MAX_PROPERTIES for found in _properties(schema)):
        raise InvalidInput(
            f"a JSON schema may have up to {MAX_SCHEMA} characters and {MAX_PROPERTIES} properties in one object",
            path="format",
        )
    return {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}}


def _properties(schema: Any) -> Iterator[dict[str, Any]]:
    pending = [schema]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            if isinstance(found := item.get("properties"), dict):
                yield found
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
