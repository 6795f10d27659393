"""Budgets and burn rates told another way: over raw events, one by one, in fractions; nothing of the product."""

from collections.abc import Sequence
from fractions import Fraction

Event = tuple[int, bool]
"""When it ended, in seconds, and whether it was good."""
DAY = 86_400


def inside(events: Sequence[Event], now: int, seconds: int) -> list[bool]:
    """Events of the whole minutes of the window, and of the minute that runs."""
    begin = now - now % 60 - seconds
    return [good for at, good in events if begin <= at < now - now % 60 + 60]


def error_ratio(events: Sequence[Event], now: int, seconds: int) -> Fraction | None:
    found = inside(events, now, seconds)
    return Fraction(sum(not good for good in found), len(found)) if found else None


def sliced_ratio(events: Sequence[Event], now: int, seconds: int, slice_target: Fraction) -> Fraction | None:
    """Share of bad minutes among those in which anything happened."""
    minutes: dict[int, list[bool]] = {}
    begin = now - now % 60 - seconds
    for at, good in events:
        if begin <= at < now - now % 60 + 60:
            minutes.setdefault(at // 60, []).append(good)
    bad = [Fraction(sum(found), len(found)) < slice_target for found in minutes.values()]
    return Fraction(sum(bad), len(bad)) if bad else None


def burn(ratio: Fraction | None, target: Fraction) -> Fraction | None:
    return None if ratio is None else ratio / (1 - target)


def remaining(events: Sequence[Event], now: int, period: int, target: Fraction) -> Fraction | None:
    """One event after the other takes its part of the budget."""
    found = inside(events, now, period)
    if not found:
        return None
    left = Fraction(1)
    allowed = (1 - target) * len(found)
    for good in found:
        left -= 0 if good else 1 / allowed
    return left


def fires(
    events: Sequence[Event], now: int, target: Fraction, row: tuple[Fraction, int, int], *, period: int, least: int
) -> bool:
    """``row``: share of the budget, long window, short window."""
    share, long, short = row
    spent_in_long = burn(error_ratio(events, now, long), target)
    spent_in_short = burn(error_ratio(events, now, short), target)
    bad = sum(not good for good in inside(events, now, long))
    if spent_in_long is None or spent_in_short is None or bad < least:
        return False
    # At that rate the long window eats more than its share of the period's budget, and so would it at the short one's.
    return spent_in_long * long / period > share and spent_in_short * long / period > share
