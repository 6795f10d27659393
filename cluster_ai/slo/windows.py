"""Which buckets make up a window: minutes where they are kept, whole hours in between. Pure; Unix seconds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from cluster_ai.slo.burn import Tally
from cluster_ai.slo.types import DAY, HOUR, MINUTE, Objective

MINUTES_KEPT: Final = 4 * DAY
"""Minute buckets live so long; what is older is told by the hour."""
SHOWN: Final = (HOUR, 6 * HOUR, DAY)
"""Windows that people ask for, shown beside those of the alerts."""


@dataclass(frozen=True, slots=True)
class Span:
    """Buckets of ``width`` seconds that begin in [``since``, ``until``)."""

    width: int
    since: int
    until: int


def floor(at: float, width: int) -> int:
    """The beginning of the bucket that ``at`` falls into."""
    return int(at // width) * width


def windows_of(objective: Objective) -> tuple[int, ...]:
    """All lengths of windows that an evaluation needs, in seconds, growing; the last one is the period."""
    lengths = {one for alert in objective.alerts for one in (alert.long_seconds, alert.short_seconds)}
    return tuple(
        sorted({*lengths, *(one for one in SHOWN if one < objective.period_seconds), objective.period_seconds})
    )


def begin(now: float, seconds: int) -> int:
    """Where a window begins: so many whole minutes back; what came in the running minute counts besides.

    Beyond the life of minute buckets it begins with the hour.
    """
    since = floor(now, MINUTE) - seconds
    return since if seconds < MINUTES_KEPT else floor(since, HOUR)


def spans(now: float, lengths: Iterable[int]) -> tuple[Span, ...]:
    """Disjoint spans that together are the longest window, cut where any of the windows begins; the oldest first."""
    starts = {begin(now, seconds) for seconds in lengths}
    end = floor(now, MINUTE) + MINUTE
    # The hour that runs has no whole bucket, and the one before may still get late events.
    minutes_from = floor(now, HOUR) - HOUR
    # An hour that a window begins in is told by its minutes, on both sides.
    around = (edge for one in starts for edge in (floor(one, HOUR), _up(one, HOUR)))
    marks = sorted(one for one in {*starts, *around, minutes_from, end} if min(starts) <= one <= end)
    found = []
    for since, until in pairwise(marks):
        whole = since % HOUR == 0 and until % HOUR == 0 and until <= minutes_from
        found.append(Span(HOUR if whole else MINUTE, since, until))
    return tuple(found)


def windowed(now: float, lengths: Iterable[int], tallies: Mapping[Span, Tally]) -> dict[int, Tally]:
    """Each window's sum of the spans that lie in it."""
    return {
        seconds: sum(
            (tally for span, tally in tallies.items() if span.since >= begin(now, seconds)), start=Tally()
        )
        for seconds in lengths
    }  # fmt: skip


def _up(at: int, width: int) -> int:
    return -(-at // width) * width
