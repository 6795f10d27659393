"""The registry as Prometheus metrics, counted at the moment of the scrape."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from backend.plane import Plane
from backend.scraped import Scraped

KINDS: Final = frozenset({"machine", "engine", "worker", "service"})
OTHER: Final = "other"
"""Kinds of the user's own: their number has no bound, and that of a metric's rows must have one."""


class RegistryCollector(Scraped[Plane]):
    """The registry, counted."""

    def of(self, plane: Plane) -> Iterator[Metric]:
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
