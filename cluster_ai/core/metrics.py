"""Prometheus metrics of one process: a registry of its own, and what every HTTP listener counts.

What is counted for every request is counted here, not by the client library: its locks and look-ups of labels would be
paid for each time. Everything happens in one thread.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client import CollectorRegistry, Info, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)


def new_registry(*, component: str, version: str) -> CollectorRegistry:
    """A registry that belongs to one application object: tests that make two never meet each other's counts."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    Info("cluster_ai_build", "What runs.", registry=registry).info({"component": component, "version": version})
    return registry


def render(registry: CollectorRegistry) -> bytes:
    """The registry as text in the exposition format."""
    return generate_latest(registry)


class Bins:
    """One histogram. ``bounds`` in seconds, growing; a value counts in the first that it does not exceed."""

    __slots__ = ("_bounds", "_counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    def add_all(self, values: list[float]) -> None:
        bounds, counts = self._bounds, self._counts
        for value in values:
            counts[bisect_left(bounds, value)] += 1
        self.sum += sum(values)

    def cumulative(self) -> list[tuple[str, float]]:
        """As Prometheus wants them: how many are at most so large."""
        names = [*map(str, self._bounds), "+Inf"]
        return [(name, float(count)) for name, count in zip(names, accumulate(self._counts), strict=True)]

    @property
    def is_empty(self) -> bool:
        return not any(self._counts)


Told = Callable[[str, int, float], None]
"""Called with route template, status and seconds of each request that was answered; quick, and never fails."""


class HttpMetrics(Collector):
    """Requests by route template (never by path: a scanner must not make series) and status.

    ``told`` are those who hear of each.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._seconds: defaultdict[str, Bins] = defaultdict(lambda: Bins(SECONDS))
        self._inflight = 0
        self.told: list[Told] = []
        registry.register(self)

    def began(self) -> None:
        self._inflight += 1

    def ended(self, *, method: str, route: str, status: int, seconds: float) -> None:
        self._inflight -= 1
        self._requests[method, route, status] += 1
        self._seconds[route].add(seconds)
        for tell in self.told:
            tell(route, status, seconds)

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "cluster_ai_http_requests",
            "Requests answered, by method, route template and status.",
            labels=("method", "route", "status"),
        )
        for (method, route, status), count in self._requests.items():
            requests.add_metric((method, route, str(status)), count)
        yield requests
        seconds = HistogramMetricFamily(
            "cluster_ai_http_request_seconds",
            "From the request's head to the end of the answer, by route template.",
            labels=("route",),
        )
        for route, bins in self._seconds.items():
            seconds.add_metric((route,), buckets=bins.cumulative(), sum_value=bins.sum)
        yield seconds
        yield GaugeMetricFamily("cluster_ai_http_requests_inflight", "Requests being answered.", value=self._inflight)
