"""What is asked of the whole cluster: how often each model, by whom, how long answers are, and who has it. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from cluster_ai.gateway.nodes.homes import Home, Homes
from cluster_ai.gateway.nodes.learned import Smooth
from cluster_ai.gateway.routing import key_of
from cluster_ai.keys.types import Priority

__all__ = ["Demand", "Home"]

HALF_LIFE_SECONDS: Final = 600.0
"""A call counts half as much after so long."""
TOKENS: Final = 256
"""Assumed length of an answer before any was seen."""
URGENCY: Final = {Priority.INTERACTIVE: 1.0, Priority.NORMAL: 1.0, Priority.BACKGROUND: 0.25, Priority.BATCH: 0.1}
"""What a second of waiting weighs for a call, against one of somebody who looks at the screen."""
SOON_SECONDS: Final = 120.0
"""Calls that will come in this time are reckoned with."""
FOLLOWING: Final = 0.7
"""Of calls, that another follows: conversations go on."""
FOLLOW_SECONDS: Final = 45.0
"""Half of those that follow have come after so long."""
_LN2: Final = 0.6931


@dataclass(slots=True)
class Fading:
    """A sum of which half is forgotten every ``half_life`` seconds."""

    half_life: float
    _value: float = 0.0
    _at: float = 0.0

    def add(self, weight: float, now: float) -> None:
        self._value, self._at = self.at(now) + weight, now

    def at(self, now: float) -> float:
        """What is left of it at that moment."""
        faded: float = self._value * 0.5 ** ((now - self._at) / self.half_life)
        return faded


@dataclass(slots=True)
class Asked:
    """For one model: calls of the last minutes, by themselves and as such that others will follow."""

    lately: Fading = field(default_factory=lambda: Fading(HALF_LIFE_SECONDS))
    following: Fading = field(default_factory=lambda: Fading(FOLLOW_SECONDS))
    waiting: float = 0.0

    def add(self, weight: float, now: float) -> None:
        self.lately.add(weight, now)
        self.following.add(weight * FOLLOWING, now)

    def rate(self, now: float) -> float:
        """Calls a second."""
        return self.lately.at(now) * _LN2 / HALF_LIFE_SECONDS

    def soon(self, now: float) -> float:
        """Calls to come: those that wait, those that begin something, and those that go on with it (Hawkes, 1971)."""
        return self.waiting + (1 - FOLLOWING) * self.rate(now) * SOON_SECONDS + self.following.at(now)


@dataclass(slots=True)
class Demand:
    """One for all nodes. Seconds are monotonic."""

    homes: Homes = field(default_factory=Homes)
    _asked: dict[str, Asked] = field(default_factory=dict)
    _lengths: dict[tuple[str, Priority], Smooth] = field(default_factory=dict)

    def __iter__(self) -> Iterator[str]:
        """Models that were asked for, by key."""
        return iter(self._asked)

    def urgency(self, priority: Priority) -> float:
        """What a second of waiting weighs for a call of that class."""
        return URGENCY[priority]

    def asked(self, model: str, priority: Priority, now: float) -> None:
        """A call came; one that nobody waits for counts for less."""
        self._of(model).add(URGENCY[priority], now)

    def waits(self, model: str, priority: Priority, count: int = 1) -> None:
        """So many more calls wait for a place."""
        self._of(model).waiting += count * URGENCY[priority]

    def _of(self, model: str) -> Asked:
        key = key_of(model)
        if (found := self._asked.get(key)) is None:
            found = self._asked[key] = Asked()
        return found

    def rate(self, model: str, now: float) -> float:
        """Calls a second for it."""
        found = self._asked.get(key_of(model))
        return found.rate(now) if found else 0.0

    def soon(self, model: str, now: float) -> float:
        """Calls for it that will come in the next minutes, by what somebody waits for."""
        found = self._asked.get(key_of(model))
        return found.soon(now) if found else 0.0

    def answered(self, model: str, priority: Priority, tokens: int) -> None:
        """So long was an answer."""
        if tokens > 0:
            self._lengths.setdefault((key_of(model), priority), Smooth()).add(float(tokens))

    def output_tokens(self, model: str, priority: Priority) -> int:
        """How long an answer is expected to be."""
        found = self._lengths.get((key_of(model), priority))
        return int(found.mean) if found and found.mean else TOKENS
