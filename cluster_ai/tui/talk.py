"""A conversation with a model: what was asked, what came back, and how fast. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from cluster_ai.client.calls import ServedBy
from cluster_ai.views import ClusterModelView

PREFERRED: Final = "smollm2:135m"
REMEMBERED: Final = 100
"""Turns that are kept, and told the model again with the next question."""
_NANOSECONDS: Final = 1e9
_EMBEDDING_FAMILIES: Final = frozenset({"bert", "nomic-bert"})


class TurnState(StrEnum):
    WRITING = "writing"
    DONE = "done"
    STOPPED = "stopped"
    """Its reader left while it was written."""
    FAILED = "failed"


@dataclass(slots=True, eq=False)
class Turn:
    """One question with its answer. Times are seconds of the clock that the methods are given."""

    asked: str
    model: str
    asked_at: float
    said: str = ""
    state: TurnState = TurnState.WRITING
    problem: str = ""
    served_by: ServedBy = field(default_factory=ServedBy)
    first_after: float | None = None
    """Seconds to the first word."""
    speed: float | None = None
    """Tokens a second, as the node measured it."""

    def read(self, line: Mapping[str, Any], now: float) -> None:
        """One of Ollama's lines."""
        message = line.get("message")
        text = str((message if isinstance(message, Mapping) else {}).get("content") or "")
        if text and self.first_after is None:
            self.first_after = now - self.asked_at
        self.said += text
        count, spent = line.get("eval_count"), line.get("eval_duration")
        if isinstance(count, int) and isinstance(spent, int) and spent > 0:
            self.speed = count / spent * _NANOSECONDS

    def end(self, state: TurnState, problem: str = "") -> None:
        """Only the first end counts."""
        if self.state is TurnState.WRITING:
            self.state, self.problem = state, problem


@dataclass(slots=True)
class Talk:
    """Owned by the session: it outlives the screen that shows it."""

    model: str = ""
    turns: list[Turn] = field(default_factory=list)

    @property
    def is_writing(self) -> bool:
        return bool(self.turns) and self.turns[-1].state is TurnState.WRITING

    def ask(self, text: str, now: float) -> Turn:
        turn = Turn(text, self.model, now)
        self.turns = [*self.turns[-(REMEMBERED - 1) :], turn]
        return turn

    def body(self) -> dict[str, Any]:
        """What ``/api/v1/chat`` is asked: the question that is open, after all that was answered before."""
        messages: list[dict[str, str]] = []
        for turn in self.turns:
            if turn.said or turn.state is TurnState.WRITING:
                messages.append({"role": "user", "content": turn.asked})
            if turn.said:
                messages.append({"role": "assistant", "content": turn.said})
        return {"model": self.model, "messages": messages, "stream": True}

    def choose(self, names: Sequence[str]) -> None:
        """Keeps its model while there is one of that name; else the built-in one, or the first."""
        if self.model not in names:
            self.model = PREFERRED if PREFERRED in names else next(iter(names), "")

    def choose_next(self, names: Sequence[str]) -> None:
        if names:
            at = names.index(self.model) if self.model in names else -1
            self.model = names[(at + 1) % len(names)]


def talkative(models: Sequence[ClusterModelView]) -> list[str]:
    """Names of those that can be talked to."""
    return [one.name for one in models if one.family not in _EMBEDDING_FAMILIES and _completes(one.capabilities)]


def _completes(capabilities: Sequence[str]) -> bool:
    return not capabilities or "completion" in capabilities or "chat" in capabilities
