"""What machines draw, and what energy costs and yields. Pure: watts, seconds and prices come in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

SECONDS_AN_HOUR: Final = 3600.0
WATTS_A_KILOWATT: Final = 1000.0
LEAST_WATT_HOURS: Final = 0.001
"""Of less no rate is told: it would say more about the sensor than about the machine."""
LONGEST_GAP: Final = 30.0
"""Seconds between two readings over which a machine's watts are believed to have gone on."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Energy, and the time that it covers; the rest of the time nobody measured."""

    watt_hours: float = 0.0
    measured_seconds: float = 0.0

    def __add__(self, other: "Drawn") -> "Drawn":
        return Drawn(self.watt_hours + other.watt_hours, self.measured_seconds + other.measured_seconds)


NOTHING: Final = Drawn()
Key = tuple[str, str]
"""A machine's name and a day (UTC)."""


@dataclass(frozen=True, slots=True)
class Yield:
    """What was drawn, and the tokens of answers that were written meanwhile, by machine and day."""

    drawn: Mapping[Key, Drawn] = field(default_factory=dict)
    tokens: Mapping[Key, int] = field(default_factory=dict)


def summed(drawn: Iterable[Drawn]) -> Drawn:
    """All of it together."""
    return sum(drawn, NOTHING)


@dataclass(slots=True)
class Meter:
    """Adds up what a machine draws, from readings that come now and then. Seconds are monotonic."""

    longest_gap: float = LONGEST_GAP
    _at: float | None = None
    _watts: float | None = None

    def read(self, watts: float | None, now: float) -> Drawn:
        """A reading, None when the machine did not tell; what was drawn since the one before."""
        at, before = self._at, self._watts
        self._at, self._watts = now, watts
        if at is None or before is None or watts is None or not 0 < now - at <= self.longest_gap:
            return NOTHING
        # Between two readings the draw is taken to run straight from one to the other.
        return Drawn((before + watts) / 2 * (now - at) / SECONDS_AN_HOUR, now - at)


def cost(watt_hours: float, *, price: float) -> float:
    """In the currency of ``price``, which is that of a kilowatt-hour."""
    return watt_hours / WATTS_A_KILOWATT * price


def tokens_per_watt_hour(tokens: int, watt_hours: float) -> float | None:
    """None when next to no energy was measured: nothing is said about a machine that does not tell."""
    return tokens / watt_hours if watt_hours >= LEAST_WATT_HOURS else None


def cost_of_a_million(per_watt_hour: float | None, *, price: float) -> float | None:
    """What a million tokens cost, in the currency of ``price`` (a kilowatt-hour)."""
    return cost(1_000_000 / per_watt_hour, price=price) if per_watt_hour else None
