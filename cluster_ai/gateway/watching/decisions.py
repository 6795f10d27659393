"""What was decided for a call, and why: kept for a while, so that people can be told."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from cluster_ai.gateway.routing import Choice
from cluster_ai.gateway.types import CandidateView, DecisionView

KEPT: Final = 32
"""As many go into each look at the gateway's state."""
REMEMBERED: Final = 512
"""As many can be asked for; older ones are forgotten."""


@dataclass(slots=True)
class Decision:
    """One call's. ``at`` in monotonic seconds; ``node`` is empty until one has answered."""

    at: float
    model: str
    choices: Sequence[Choice]
    node: str = ""
    tried: dict[str, str] = field(default_factory=dict)
    """Nodes that gave no answer, with the reason."""
    request_id: str = ""

    def view(self, now: float) -> DecisionView:
        rows = [
            CandidateView(
                name=row.candidate.name,
                why=row.why,
                score={name: round(seconds, 4) for name, seconds in row.score.parts},
            )
            for row in self.choices
        ]
        return DecisionView(
            request_id=self.request_id,
            age_seconds=max(0.0, now - self.at),
            model=self.model,
            node=self.node,
            candidates=tuple(rows),
            tried=dict(self.tried),
        )


class Decisions:
    """The last ones, found by the id of their request. An id that comes again takes the place of the first."""

    def __init__(self, *, most: int = REMEMBERED) -> None:
        self._most = most
        self._rows: OrderedDict[str, Decision] = OrderedDict()
        self._unnamed = 0

    def append(self, decision: Decision) -> None:
        key = decision.request_id
        if not key:
            self._unnamed += 1
            # A space cannot stand in an id that came over the wire.
            key = f" {self._unnamed}"
        self._rows[key] = decision
        self._rows.move_to_end(key)
        if len(self._rows) > self._most:
            self._rows.popitem(last=False)

    def find(self, request_id: str) -> Decision | None:
        return self._rows.get(request_id)

    def last(self, count: int = KEPT) -> list[Decision]:
        """The newest ones, newest last."""
        return list(islice(reversed(self._rows.values()), count))[::-1]

    def __iter__(self) -> Iterator[Decision]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)
