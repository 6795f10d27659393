"""What happened, as every room tells it: written in the unit of work that made it so, told after the commit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. ``type`` is a noun and a past tense: ``ticket.completed``; ``at`` are seconds.

    ``subject`` is the id of what it happened to. Whoever gets it may get it again: ``id`` tells.
    """

    id: str
    type: str
    subject: str
    data: Mapping[str, Any] = field(default_factory=dict)
    at: float = 0.0

    @property
    def topic(self) -> str:
        """The bus's topic: the first word of the type."""
        return self.type.partition(".")[0]
