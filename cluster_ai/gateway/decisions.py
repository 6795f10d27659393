"""What was decided for a call, and why: kept for a while, so that people can be told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cluster_ai.gateway.routing import Choice
from cluster_ai.gateway.types import CandidateView, DecisionView

KEPT: Final = 32
"""The last decisions; older ones are forgotten."""


@dataclass(slots=True)
class Decision:
    """One call's. ``at`` in monotonic seconds; ``node`` is empty until one has answered."""

    at: float
    model: str
    choices: Sequence[Choice]
    node: str = ""
    tried: dict[str, str] = field(default_factory=dict)
    """Nodes that gave no answer, with the reason."""

    def view(self, now: float) -> DecisionView:
        rows = [
            CandidateView(name=row.candidate.name, why=row.why, score=dict(row.score.parts)) for row in self.choices
        ]
        return DecisionView(
            age_seconds=max(0.0, now - self.at),
            model=self.model,
            node=self.node,
            candidates=tuple(rows),
            tried=dict(self.tried),
        )
