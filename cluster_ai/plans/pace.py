"""How long tickets of one plan and kind took of late, and how many of them make a batch. Pure; in memory.

A batch is as many as a worker is done with in half a second, and no more than leave some for the others: what waits,
divided by twice the places there are (guided self-scheduling: C. D. Polychronopoulos and D. J. Kuck, IEEE Transactions
on Computers C-36 (1987) 1425-1439). Of what nobody has seen yet there is no batch.
"""

from collections import OrderedDict
from math import ceil
from typing import Final

MOST: Final = 64
"""Tickets of one batch."""
LENGTH_SECONDS: Final = 0.5
"""Of one batch, by what is known: whoever waits in it waits no longer."""
LONG_SECONDS: Final = 2.0
"""One that took longer says at once what is to be expected."""
WEIGHT: Final = 0.25
"""Of the newest in the mean."""
SHORTEST: Final = 0.001
"""Seconds: what one takes at least, whatever its worker measured."""
KNOWN: Final = 1024
"""Plans and kinds that are remembered: those that were heard of last."""


class Pace:
    """Means by plan and kind of work, in seconds as workers measured them."""

    def __init__(self) -> None:
        self._means: OrderedDict[tuple[str, str], float] = OrderedDict()

    def saw(self, plan_id: str, kind: str, seconds: float) -> None:
        """One of them took so long."""
        group = (plan_id, kind)
        before = self._means.get(group)
        is_new = before is None or seconds > LONG_SECONDS
        self._means[group] = seconds if before is None or is_new else before + WEIGHT * (seconds - before)
        self._means.move_to_end(group)
        while len(self._means) > KNOWN:
            self._means.popitem(last=False)

    def mean(self, plan_id: str, kind: str) -> float | None:
        """Seconds; None: nothing is known."""
        return self._means.get((plan_id, kind))

    def size(self, plan_id: str, kind: str, *, waiting: int, slots: int) -> int:
        """How many of the ``waiting`` tickets of that group to hand in as one, at least 1. ``slots``: of all workers
        that could take them.
        """
        mean = self.mean(plan_id, kind)
        if mean is None:
            return 1
        share = ceil(waiting / (2 * max(1, slots)))
        return max(1, min(MOST, share, int(LENGTH_SECONDS / max(SHORTEST, mean))))
