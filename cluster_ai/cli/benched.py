"""What an answer took, and what several of them say of a node. Pure but for the clock that comes in."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

NANO: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Run:
    """An answer. Seconds: ``first``, ``total`` from its request on, ``writing`` and ``reading`` as the node says."""

    first: float
    total: float
    load: float
    tokens: int
    writing: float
    prompt_tokens: int
    reading: float


def run_of(lines: Iterable[Mapping[str, Any]], began: float, clock: Callable[[], float]) -> Run:
    """Reads an answer of Ollama's ``/api/chat`` to its end. ``began``: when ``clock`` said that it was asked for."""
    first, pieces = None, 0
    last: Mapping[str, Any] = {}
    for last in lines:
        if (last.get("message") or {}).get("content"):
            first = clock() - began if first is None else first
            pieces += 1
    total = clock() - began
    first = total if first is None else first
    return Run(
        first=first,
        total=total,
        load=_seconds(last, "load_duration"),
        # A node that counts nothing says a token a line.
        tokens=int(last.get("eval_count") or pieces),
        writing=_seconds(last, "eval_duration") or total - first,
        prompt_tokens=int(last.get("prompt_eval_count") or 0),
        reading=_seconds(last, "prompt_eval_duration"),
    )


def figures(runs: Sequence[Run], wall: float) -> dict[str, float | int | None]:
    """Of all the answers of one node, asked for within ``wall`` seconds: medians of each, and the sum of tokens.

    A rate is None where nothing was measured that it could be made of.
    """
    tokens = sum(one.tokens for one in runs)
    return {
        "answers": len(runs),
        "tokens": tokens,
        "ttft_seconds": _middle(one.first for one in runs),
        "total_seconds": _middle(one.total for one in runs),
        "prompt_tokens_per_second": _middle(one.prompt_tokens / one.reading for one in runs if one.reading > 0),
        "tokens_per_second": _middle(one.tokens / one.writing for one in runs if one.writing > 0),
        "all_tokens_per_second": tokens / wall if wall > 0 else None,
    }


def _middle(values: Iterable[float]) -> float | None:
    found = list(values)
    return median(found) if found else None


def _seconds(last: Mapping[str, Any], name: str) -> float:
    return float(last.get(name) or 0) * NANO
