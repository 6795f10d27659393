"""Readings that can be true. A sensor that lies says nothing. Pure."""

import math
from dataclasses import dataclass, field
from typing import Final

COLDEST: Final = 1.0
"""Chips that are asked too early, or that hang, say 0, -128 or 255."""
HOTTEST: Final = 125.0
MOST_WATTS: Final = 20_000.0
MOST_BYTES: Final = 1 << 50
"""A petabyte in one machine."""
LONGEST_SPAN: Final = 120.0
"""Seconds over which a counter's growth says something about now."""


def celsius(degrees: float | None) -> float | None:
    return degrees if degrees is not None and COLDEST <= degrees <= HOTTEST else None


def watts(power: float | None) -> float | None:
    return power if power is not None and math.isfinite(power) and 0 <= power <= MOST_WATTS else None


def percent(told: int | None) -> float | None:
    """As a share."""
    return told / 100 if told is not None and 0 <= told <= 100 else None  # noqa: PLR2004


def size(told: int | None) -> int | None:
    """Bytes."""
    return told if told is not None and 0 <= told <= MOST_BYTES else None


def share(part: float | None) -> float | None:
    """A little beyond the bounds is rounding; more is a lie."""
    return min(1.0, max(0.0, part)) if part is not None and -0.05 <= part <= 1.05 else None  # noqa: PLR2004


def most(*readings: float | None) -> float | None:
    """The largest of those that there are."""
    return max((reading for reading in readings if reading is not None), default=None)


def total(*readings: float | None) -> float | None:
    """The sum of those that there are; None when there is none."""
    found = [reading for reading in readings if reading is not None]
    return math.fsum(found) if found else None


@dataclass(slots=True)
class Rates:
    """Growth of counters, each with a key. Seconds are monotonic."""

    _last: dict[str, tuple[int, float]] = field(default_factory=dict)

    def per_second(self, key: str, count: int | None, now: float, *, wraps_at: int | None = None) -> float | None:
        """None the first time, after a long pause, and when the counter was set back without a known end."""
        before = self._last.pop(key, None)
        if count is None:
            return None
        self._last[key] = (count, now)
        if before is None or not 0 < now - before[1] <= LONGEST_SPAN:
            return None
        grown = count - before[0]
        if grown < 0 and wraps_at:
            grown += wraps_at
        return grown / (now - before[1]) if grown >= 0 else None
