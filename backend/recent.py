"""What the last hour looked like: means over ten seconds of what each live snapshot says, kept in memory."""

import math
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, Literal

from cluster_ai.core.wire import View
from cluster_ai.nodes.inventory import Gauges, GpuGauge
from cluster_ai.views import OverviewView

STEP: Final = 10.0
"""Seconds that one point is the mean of."""
POINTS: Final = 360
_MORE: Final = 10
"""Kept beyond those, so that points of several steps can end where they always do."""
MOST_SUBJECTS: Final = 200
"""Nodes and machines beyond that are left out: a house has fewer."""

Metric = Literal[
    "requests", "tokens", "errors", "inflight",
    "cpu", "memory", "disk",
    "node_inflight",
    "machine_cpu", "machine_memory", "machine_gpu", "machine_watts", "machine_celsius",
]  # fmt: skip
Point = tuple[Metric, str, float]
Machines = Callable[[], Iterable[tuple[str, Gauges]]]
"""Answers the machines that are heard, with what they say of themselves."""
_NAN: Final = math.nan


class SeriesView(View):
    """One figure of one thing. ``values``: the oldest first; None where nothing was told.

    ``subject``: the node or machine, empty for the whole cluster. Shares are from 0 to 1; ``requests``, ``tokens`` and
    ``errors`` are per second; watts and degrees Celsius are themselves.
    """

    metric: Metric
    subject: str
    values: tuple[float | None, ...]


class RecentView(View):
    """``until``: when the last point ends, in Unix seconds; each is the mean over ``step_seconds``."""

    until: float
    step_seconds: float
    series: tuple[SeriesView, ...] = ()


class Recent:
    """Rings of means. Pure but for the pictures that it is shown: nothing here waits or reads a clock."""

    def __init__(self, machines: Machines) -> None:
        self._machines = machines
        self._rings: dict[tuple[Metric, str], array[float]] = {}
        self._sums: dict[tuple[Metric, str], list[float]] = defaultdict(list)
        self._step = -1
        self._behind = 0.0
        """What the calendar says more than the clock that counts."""

    def take(self, picture: OverviewView, now: float) -> None:
        """A picture, at ``now`` by a clock that is never set: one that people set would tear the lines."""
        step = int(now // STEP)
        if step > self._step:
            self._close(step)
        self._behind = picture.at - now
        for metric, subject, value in _points(picture, self._machines()):
            self._sums[metric, subject].append(value)

    def _close(self, step: int) -> None:
        """The step before is over; those in which nobody looked are empty."""
        passed = min(POINTS + _MORE, step - self._step) if self._step >= 0 else 1
        for key in self._sums.keys() - self._rings.keys():
            self._rings[key] = array("f", [_NAN] * (POINTS + _MORE))
        for key, ring in [*self._rings.items()]:
            values = self._sums.get(key)
            fresh = array("f", [sum(values) / len(values) if values else _NAN])
            del ring[:passed]
            ring.extend(fresh)
            ring.extend([_NAN] * (passed - 1))
            if all(map(math.isnan, ring)):
                del self._rings[key]
        self._sums.clear()
        self._step = step

    def view(self, *, minutes: int, points: int = 120) -> RecentView:
        """The last ``minutes`` (at most an hour) in at most ``points`` points."""
        wanted = max(1, min(POINTS, int(minutes * 60 / STEP)))
        width = -(-wanted // points)
        # A point of several steps ends where a step of its own width ends, so that it says the same on every look.
        spare = self._step % width if self._step >= 0 else 0
        series = tuple(
            SeriesView(metric=metric, subject=subject, values=_thinned(ring[: len(ring) - spare], wanted, width))
            for (metric, subject), ring in sorted(self._rings.items())
        )
        until = (self._step - spare) * STEP + self._behind
        return RecentView(until=max(0.0, until), step_seconds=width * STEP, series=series)


def _thinned(ring: Sequence[float], wanted: int, width: int) -> tuple[float | None, ...]:
    held = ring[-(wanted // width * width) :]
    return tuple(_mean(held[at : at + width]) for at in range(0, len(held), width))


def _mean(values: Iterable[float]) -> float | None:
    told = [value for value in values if not math.isnan(value)]
    return round(sum(told) / len(told), 6) if told else None


def _points(picture: OverviewView, machines: Iterable[tuple[str, Gauges]]) -> Iterator[Point]:
    rates, host = picture.rates, picture.system.host
    yield "requests", "", rates.requests_per_second
    yield "tokens", "", rates.tokens_per_second
    yield "errors", "", rates.errors_per_second
    yield "inflight", "", rates.inflight
    yield "cpu", host.hostname, host.cpu / 100
    yield "memory", host.hostname, host.memory_used / max(1, host.memory_total)
    yield "disk", host.hostname, host.disk_used / max(1, host.disk_total)
    for node in picture.nodes[:MOST_SUBJECTS]:
        yield "node_inflight", node.name, node.inflight
    for name, gauges in islice(machines, MOST_SUBJECTS):
        yield from _of_machine(name, gauges)


def _of_machine(name: str, gauges: Gauges) -> Iterator[Point]:
    yield "machine_cpu", name, gauges.busy
    yield "machine_memory", name, gauges.memory_used / max(1, gauges.memory_used + gauges.memory_free)
    busy = [gpu.busy for gpu in gauges.gpus if gpu.busy is not None]
    if busy:
        yield "machine_gpu", name, sum(busy) / len(busy)
    if gauges.watts is not None:
        yield "machine_watts", name, gauges.watts
    hottest = max((degrees for degrees in _degrees(gauges)), default=None)
    if hottest is not None:
        yield "machine_celsius", name, hottest


def _degrees(gauges: Gauges) -> Iterator[float]:
    parts: tuple[Gauges | GpuGauge, ...] = (gauges, *gauges.gpus)
    yield from (part.celsius for part in parts if part.celsius is not None)
