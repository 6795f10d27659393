"""How many second tries the cluster affords: a share of its traffic, so that a storm does not feed itself. Pure."""

from dataclasses import dataclass
from typing import Final

SAVED: Final = 20.0
"""Tries that may be saved up in quiet times."""


@dataclass(slots=True)
class RetryBudget:
    """``share`` of calls may be tried again, and three at the start. As Finagle's budget, without its window."""

    share: float
    _saved: float = 3.0

    def call(self) -> None:
        """A call came in."""
        self._saved = min(SAVED, self._saved + self.share)

    def spend(self) -> bool:
        """Whether one more try is affordable; it then counts."""
        if self._saved < 1.0:
            return False
        self._saved -= 1.0
        return True
