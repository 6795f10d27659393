"""Trails: marks of success and failure that evaporate, so that an instance is judged by what happened lately. Pure.

After the pheromone of ant systems (Dorigo, Maniezzo, Colorni, "Ant System: optimization by a colony of cooperating
agents", IEEE Trans. SMC-B 26, 1996): whoever used a way marks it, marks fade, and others follow the strong ones. Fading
is by half-life and happens when a trail is read or marked, so that nothing runs between.
"""

from dataclasses import dataclass
from typing import Final

HALF_LIFE: Final = 1800.0
"""Seconds."""
MOST: Final = 1000.0
"""Marks that one trail holds: more would make it deaf for a long time."""


@dataclass(frozen=True, slots=True)
class Trail:
    """Marks as they were at the monotonic second ``at``."""

    successes: float = 0.0
    failures: float = 0.0
    at: float = 0.0


def faded(trail: Trail, now: float, *, half_life: float = HALF_LIFE) -> Trail:
    """What is left of it."""
    left = 2.0 ** -(max(0.0, now - trail.at) / half_life)
    return Trail(trail.successes * left, trail.failures * left, now)


def marked(trail: Trail, now: float, *, ok: bool, half_life: float = HALF_LIFE) -> Trail:
    """With one mark more."""
    left = faded(trail, now, half_life=half_life)
    return Trail(min(MOST, left.successes + ok), min(MOST, left.failures + (not ok)), now)


def strength(trail: Trail, now: float, *, half_life: float = HALF_LIFE) -> float:
    """From 0 to 1; one half for an instance of which nothing is known (the rule of succession)."""
    left = faded(trail, now, half_life=half_life)
    return (left.successes + 1) / (left.successes + left.failures + 2)
