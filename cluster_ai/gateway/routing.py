"""Which node is asked first, and why. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from cluster_ai.gateway.types import BreakerState, UpstreamState

LATEST: Final = ":latest"


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of a node that has the model, at this moment."""

    name: str
    state: UpstreamState
    breaker: BreakerState
    resident: bool
    """The model is in the node's memory."""
    inflight: int
    latency: float | None
    """Smoothed seconds to the first byte; None when never measured."""


@dataclass(frozen=True, slots=True)
class Score:
    """Smaller is better, part by part from the left. ``parts`` are named so that people can be told."""

    parts: tuple[tuple[str, float], ...]

    @property
    def order(self) -> tuple[float, ...]:
        return tuple(value for _, value in self.parts)


Scorer = Callable[[Candidate], Score]


@dataclass(frozen=True, slots=True)
class Choice:
    """A candidate with its score and the reason in a few words."""

    candidate: Candidate
    score: Score
    why: str


def rank(candidates: Iterable[Candidate], scorer: Scorer) -> list[Choice]:
    """The candidates, best first; the same facts give the same order.

    A node whose breaker is open comes last but is never dropped: it may be the only one with the model.
    """
    choices = [Choice(candidate, scorer(candidate), explain(candidate)) for candidate in candidates]
    return sorted(choices, key=lambda choice: (choice.score.order, choice.candidate.name))


def by_load(candidate: Candidate) -> Score:
    """Trusted before suspect, model in memory before on disk, fewer answers in flight, sooner first byte."""
    return Score(
        (
            ("breaker", float(candidate.breaker is BreakerState.OPEN)),
            ("suspect", float(candidate.state is not UpstreamState.HEALTHY)),
            ("cold", float(not candidate.resident)),
            ("inflight", float(candidate.inflight)),
            # Unmeasured nodes are tried before slow ones, or they would never be measured.
            ("latency", round(candidate.latency or 0.0, 2)),
        )
    )


def explain(candidate: Candidate) -> str:
    """The reason as people read it: ``resident, 0 in flight``."""
    words = ["resident" if candidate.resident else "cold", f"{candidate.inflight} in flight"]
    if candidate.latency is not None:
        words.append(f"{candidate.latency * 1000:.0f} ms to first byte")
    if candidate.state is not UpstreamState.HEALTHY:
        words.append(candidate.state.value)
    if candidate.breaker is not BreakerState.CLOSED:
        words.append(f"breaker {candidate.breaker.value.replace('_', ' ')}")
    return ", ".join(words)


def full_name(model: str) -> str:
    """A model's name as nodes list it: without a tag, ``:latest`` is meant."""
    return model if ":" in model.rpartition("/")[2] else model + LATEST
