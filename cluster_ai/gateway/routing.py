"""Which node is asked first, and why. Pure."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, Protocol

from cluster_ai.core.values import value
from cluster_ai.gateway.types import BreakerState, UpstreamState

LATEST: Final = ":latest"


@value
class Ask:
    """What routing needs to know of a call. Tokens are estimates."""

    model: str
    prompt_tokens: int = 0
    output_tokens: int = 256
    ahead: int = 0
    """Calls for the same model that wait and go first."""
    urgency: float = 1.0
    """What a second of its waiting weighs against one of a call that somebody waits for."""
    rate: float = 0.0
    """Calls a second for the same model, as they came lately."""


@value
class Candidate:
    """What is known of a node that has the model, at this moment. None: never measured."""

    name: str
    state: UpstreamState = UpstreamState.HEALTHY
    breaker: BreakerState = BreakerState.CLOSED
    resident: bool = True
    """The model is in the node's memory, with room enough for the call's context."""
    loading: float | None = None
    """Seconds since the node began to load it; None when it does not."""
    slots: int = 1
    """Answers of this model that the node writes side by side, as far as is known."""
    inflight: int = 0
    """Calls of this model there."""
    busy: int = 0
    """Calls of its other models."""
    cached_tokens: int = 0
    """Beginning of the prompt that its cache still holds."""
    load_seconds: float = 0.0
    """What loading the model costs there, measured or estimated from its size."""
    blocked_seconds: float = 0.0
    """Until that load can begin."""
    evict_seconds: float = 0.0
    """What it will cost others that the load throws models out."""
    forgotten_tokens: float = 0.0
    """Of another conversation's prompt, which the call would take the place of in the cache."""
    same_chat: bool = False
    """One of the latest prompts there was of the call's own chat, as its client names it."""
    proven: int = 1
    """Answers side by side that were seen there."""
    prefill: float | None = None
    """Prompt tokens read per second."""
    decode: float | None = None
    """Tokens written per second, one stream."""
    hold_seconds: float | None = None
    """How long a call keeps its slot."""
    free_seconds: float = 0.0
    """Until one of its slots is free; 0 when one is."""
    latency: float | None = None
    """Smoothed seconds to the first byte."""
    trouble: float = 0.0
    """Share of its recent calls that failed; fades."""
    swap_seconds: float = 0.0
    """Until it may throw out another model for this one; 0 when it may now, or need not."""
    busy_seconds: float = 0.0
    """Until it may be asked again after it had no room; 0 when it may now."""
    tried: bool = False
    """One call finds out whether it is well again; others wait for that."""
    priority: int = 0
    """As configured; higher is preferred by the strategy of that name."""

    def seconds(self, prompt_tokens: int, output_tokens: int) -> float:
        """How long such a call will probably keep its slot, with the load before it."""
        load = 0.0 if self.resident else self.blocked_seconds + self.load_seconds - (self.loading or 0.0)
        if not self.prefill or not self.decode:
            return max(0.0, load) + (self.hold_seconds or 0.0)
        unread = max(0, prompt_tokens - self.cached_tokens)
        return max(0.0, load) + unread / self.prefill + output_tokens / self.decode

    @property
    def is_full(self) -> bool:
        return self.inflight >= self.slots or self.tried or self.swap_seconds > 0 or self.busy_seconds > 0


@value
class Score:
    """Smaller is better. ``parts`` are named, in seconds where the scorer counts in seconds, for people to read."""

    parts: tuple[tuple[str, float], ...]
    order: tuple[float, ...]


class Scorer(Protocol):
    """The one replaceable object that says which candidate is best."""

    def scores(self, candidates: Sequence[Candidate], ask: Ask) -> list[Score]:
        """One for each candidate, in their order."""


@value
class Choice:
    """A candidate with its score. Of the only one it is worked out when somebody looks: there is nothing to compare."""

    candidate: Candidate
    known: Score | None
    scorer: Scorer
    ask: Ask

    @property
    def score(self) -> Score:
        return self.known or self.scorer.scores([self.candidate], self.ask)[0]

    @property
    def why(self) -> str:
        return explain(self.candidate)


def rank(candidates: Iterable[Candidate], scorer: Scorer, ask: Ask) -> list[Choice]:
    """The candidates, best first; the same facts give the same order.

    A node whose breaker is open comes last but is never dropped: it may be the only one with the model.
    """
    rows = sorted(candidates, key=lambda candidate: candidate.name)
    if len(rows) == 1:
        return [Choice(rows[0], None, scorer, ask)]
    choices = [Choice(row, score, scorer, ask) for row, score in zip(rows, scorer.scores(rows, ask), strict=True)]
    choices.sort(key=lambda choice: choice.score.order)
    return choices


def explain(candidate: Candidate) -> str:
    """The reason as people read it: ``resident, 0 in flight``."""
    words = [_place(candidate), f"{candidate.inflight} in flight"]
    if candidate.cached_tokens:
        words.append(f"{candidate.cached_tokens} prompt tokens cached")
    elif candidate.same_chat:
        words.append("had this chat")
    if candidate.latency is not None:
        words.append(f"{candidate.latency * 1000:.0f} ms to first byte")
    if candidate.busy_seconds > 0:
        words.append(f"busy for {candidate.busy_seconds:.1f} s")
    if candidate.state is not UpstreamState.HEALTHY:
        words.append(candidate.state.value)
    if candidate.breaker is not BreakerState.CLOSED:
        words.append(f"breaker {candidate.breaker.value.replace('_', ' ')}")
    return ", ".join(words)


def _place(candidate: Candidate) -> str:
    if candidate.resident:
        return "resident"
    return "cold" if candidate.loading is None else "loading"


@lru_cache(maxsize=4096)
def full_name(model: str) -> str:
    """A model's name as nodes list it: without a tag, ``:latest`` is meant."""
    return model if ":" in model.rpartition("/")[2] else model + LATEST


@lru_cache(maxsize=4096)
def key_of(model: str) -> str:
    """What a model is kept under: case does not matter, as at Ollama."""
    return full_name(model).casefold()
