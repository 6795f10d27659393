"""Where time, identifiers and randomness come from; tests bring their own."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Chance:
    """``now``: Unix seconds; ``random(n)`` answers n bytes, ``draw()`` a number of [0, 1)."""

    now: Callable[[], float]
    new_id: Callable[[], str]
    random: Callable[[int], bytes]
    draw: Callable[[], float]
