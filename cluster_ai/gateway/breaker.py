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


@dataclass(slots=True)
class Breaker:
    """One node's. Whoever was admitted says exactly once how it went: ``succeed``, ``fail`` or ``abandon``.

    ``failures``: that many in a row open it. ``pause``: its first pause in seconds.
    """

    failures: int
    pause: float
    _in_a_row: int = 0
    _opened: int = 0
    """Times it opened without a success in between."""
    _closed_until: float = 0.0
    _probing: bool = False

    def state(self, now: float) -> BreakerState:
        if not self._opened:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self._closed_until else BreakerState.HALF_OPEN

    def admit(self, now: float) -> bool:
        """Whether a request may be tried now. Half open, one at a time may."""
        match self.state(now):
            case BreakerState.CLOSED:
                return True
            case BreakerState.OPEN:
                return False
            case BreakerState.HALF_OPEN:
                admitted, self._probing = not self._probing, True
                return admitted

    def succeed(self) -> None:
        self._in_a_row = self._opened = 0
        self._probing = False

    def fail(self, now: float, *, chance: float) -> None:
        """``chance`` in [0, 1) spreads the pauses of many nodes, so that they are not all tried at once."""
        self._in_a_row += 1
        self._probing = False
        if self._opened or self._in_a_row >= self.failures:
            if self.state(now) is not BreakerState.OPEN:
                self._opened += 1
            self._closed_until = now + self._next_pause() * (1.0 + 0.2 * chance)

    def abandon(self) -> None:
        """The caller left, or we are stopping: no verdict."""
        self._probing = False

    def _next_pause(self) -> float:
        return min(LONGEST_PAUSE, self.pause * 2.0 ** min(max(0, self._opened - 1), 16))
