"""When a node that fails is left alone, and when it is tried again. Pure: time and chance come in as arguments.

::

    CLOSED --failures in a row--> OPEN --pause over--> HALF_OPEN --success--> CLOSED
                                    ^                      |
                                    +------- failure ------+   (the pause doubles, up to its cap)
"""

from dataclasses import dataclass
from typing import Final

from cluster_ai.gateway.types import BreakerState

LONGEST_PAUSE: Final = 60.0
"""Seconds."""
MOST_TRIES: Final = 8
"""Half open, so many calls may be on their way to a first byte once others got theirs."""


@dataclass(slots=True)
class Breaker:
    """Of one model on one node. Who was admitted says exactly once how it went: ``succeed``, ``fail``, ``abandon``.

    ``failures``: that many in a row open it. ``pause``: its first pause in seconds.
    """

    failures: int
    pause: float
    _in_a_row: int = 0
    _opened: int = 0
    """Times it opened without a success in between."""
    _closed_until: float = 0.0
    _tries: int = 0
    """Half open, calls that have not got their first byte."""
    room: int = 1
    """So many may be such tries; twice as many with each first byte."""

    def state(self, now: float) -> BreakerState:
        if not self._opened:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self._closed_until else BreakerState.HALF_OPEN

    @property
    def is_recovering(self) -> bool:
        """It was open, and nothing has gone well since."""
        return self._opened > 0

    def is_tried(self, now: float) -> bool:
        """Half open, with all requests that find out still under way."""
        return self._tries >= self.room and self.state(now) is BreakerState.HALF_OPEN

    def admit(self, now: float) -> bool:
        """Whether a request may be tried now. Half open, one may, and others after its first byte."""
        match self.state(now):
            case BreakerState.CLOSED:
                return True
            case BreakerState.OPEN:
                return False
            case BreakerState.HALF_OPEN:
                is_free = self._tries < self.room
                self._tries += is_free
                return is_free

    def begun(self) -> None:
        """The first byte of an answer came: others may be tried, before the whole of this one proves anything."""
        if self._tries:
            self._tries -= 1
            self.room = min(MOST_TRIES, 2 * self.room)

    def forgive(self, now: float) -> None:
        """What was wrong has changed: it is tried at once, not after the pause."""
        self._closed_until = min(self._closed_until, now)

    def succeed(self) -> None:
        self._in_a_row = self._opened = self._tries = 0
        self.room = 1

    def fail(self, now: float, *, chance: float) -> None:
        """``chance`` in [0, 1) spreads the pauses of many nodes, so that they are not all tried at once."""
        self._in_a_row += 1
        self.room = 1
        self.abandon()
        if self._opened or self._in_a_row >= self.failures:
            if self.state(now) is not BreakerState.OPEN:
                self._opened += 1
            self._closed_until = now + self._next_pause() * (1.0 + 0.2 * chance)

    def abandon(self) -> None:
        """The caller left, or we are stopping: no verdict."""
        self._tries = max(0, self._tries - 1)

    def _next_pause(self) -> float:
        return min(LONGEST_PAUSE, self.pause * 2.0 ** min(max(0, self._opened - 1), 16))
