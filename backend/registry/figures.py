"""The registry as Prometheus metrics, counted at the moment of the scrape."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from backend.plane import Plane

KINDS: Final = frozenset({"machine", "engine", "worker", "service"})
OTHER: Final = "other"
"""Kinds of the user's own: their number has no bound, and that of a metric's rows must have one."""


class RegistryCollector(Collector):
    """``plane`` answers None before the application started and after it stopped."""

    def __init__(self, plane: Callable[[], Plane | None]) -> None:
        self._plane = plane

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        plane = self._plane()
        if plane is None:
            return
        counts: Counter[tuple[str, str]] = Counter()
        for (kind, state), count in plane.registry.counts().items():
            counts[kind if kind in KINDS else OTHER, state.value] += count
        instances = GaugeMetricFamily(
            "cluster_ai_registry_instances", "Instances of the registry.", labels=["kind", "state"]
        )
        for (kind, state_name), count in sorted(counts.items()):
            instances.add_metric([kind, state_name], count)
        yield instances
        feed = plane.registry.feed
        yield GaugeMetricFamily("cluster_ai_registry_watchers", "Who watches the registry.", value=feed.watchers)
        yield CounterMetricFamily("cluster_ai_registry_changes", "Changes that watchers were told.", value=feed.number)
