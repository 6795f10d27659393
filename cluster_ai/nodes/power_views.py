"""What energy yielded and cost, as every surface shows it. Pure: days come as texts, today among them."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final

from cluster_ai.core.errors import InvalidInput
from cluster_ai.nodes.power import Key, Yield, cost, cost_of_a_million, summed, tokens_per_watt_hour
from cluster_ai.nodes.types import PowerSettings
from cluster_ai.nodes.views import DayPower, EnergyView, MachinePower, PowerView

USUAL_DAYS: Final = 30
MOST_DAYS: Final = 366
Days = tuple[str, str]
"""The first and the last, both with, as ``YYYY-MM-DD``."""


def days_of(first: str, last: str, *, today: str) -> Days:
    """The days that are meant; empty ``last``: until today; empty ``first``: thirty days in all.

    Raises:
        InvalidInput: one is in no calendar, they are the wrong way round, or there are more than 366.
    """
    end = _date(last or today, "last")
    begin = _date(first, "first") if first else _earlier(end, USUAL_DAYS - 1)
    if begin > end:
        raise InvalidInput(
            "the first day comes after the last",
            path="first",
            hint="turn the two days round",
            values={"about": "days_order"},
        )
    if (count := (end - begin).days + 1) > MOST_DAYS:
        raise InvalidInput(
            f"{count} days are more than {MOST_DAYS}",
            path="first",
            hint="ask for a year at a time",
            values={"about": "days_many", "count": str(count), "most": str(MOST_DAYS)},
        )
    return begin.isoformat(), end.isoformat()


def power_view(
    found: Yield, today: Yield, settings: PowerSettings, *, days: Days, watts: Mapping[str, float | None]
) -> PowerView:
    """``watts``: drawn now, of machines that are heard; None of those that do not tell."""
    told = {name: drawn for name, drawn in watts.items() if drawn is not None}
    by_machine, by_day = _parted(found, 0), _parted(found, 1)
    priced = settings.price_per_kwh is not None
    return PowerView(
        first=days[0],
        last=days[1],
        price_per_kwh=settings.price_per_kwh,
        currency=settings.currency if priced else "",
        watts=sum(told.values()) if told else None,
        today=energy_view(today, settings),
        total=energy_view(found, settings),
        machines=tuple(
            MachinePower(
                machine=name, watts=told.get(name), energy=energy_view(by_machine.get(name, Yield()), settings)
            )
            for name in sorted(by_machine.keys() | told.keys())
        ),
        days=tuple(DayPower(day=day, energy=energy_view(by_day[day], settings)) for day in sorted(by_day)),
        untold=tuple(sorted(watts.keys() - told.keys())),
    )


def energy_view(found: Yield, settings: PowerSettings) -> EnergyView:
    """All of it together. Tokens of machines and days without energy are left out: nothing is said about them."""
    drawn = summed(found.drawn.values())
    tokens = sum(found.tokens.get(key, 0) for key, one in found.drawn.items() if one.watt_hours > 0)
    rate, price = tokens_per_watt_hour(tokens, drawn.watt_hours), settings.price_per_kwh
    return EnergyView(
        watt_hours=drawn.watt_hours,
        measured_seconds=drawn.measured_seconds,
        cost=None if price is None else cost(drawn.watt_hours, price=price),
        output_tokens=tokens,
        tokens_per_watt_hour=rate,
        cost_of_a_million=None if price is None else cost_of_a_million(rate, price=price),
    )


def _parted(found: Yield, which: int) -> dict[str, Yield]:
    """By machine (0) or by day (1)."""
    keys: dict[str, list[Key]] = {}
    for key in found.drawn:
        keys.setdefault(key[which], []).append(key)
    return {name: Yield({key: found.drawn[key] for key in of}, found.tokens) for name, of in keys.items()}


def _date(day: str, path: str) -> date:
    try:
        return date.fromisoformat(day)
    except ValueError as exc:
        raise InvalidInput(
            f"no calendar has the day {day}",
            path=path,
            hint="write it as 2027-01-31",
            values={"about": "day", "day": day},
        ) from exc


def _earlier(day: date, days: int) -> date:
    try:
        return day - timedelta(days)
    except OverflowError:
        return date.min
