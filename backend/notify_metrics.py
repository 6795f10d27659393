"""Webhooks and the shared bus as Prometheus metrics, read at the moment of the scrape."""

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from backend.plane import Plane
from cluster_ai.core.redis_bus import SharedBus


class BusCollector(Collector):
    """What goes to Redis and comes from it; nothing where none is set."""

    def __init__(self, plane: Callable[[], Plane | None]) -> None:
        self._plane = plane

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        plane = self._plane()
        if plane is None or not isinstance(plane.bus, SharedBus):
            return
        traffic = plane.bus.traffic
        yield GaugeMetricFamily("cluster_ai_bus_up", "1 while Redis answers.", value=float(traffic.reachable))
        yield GaugeMetricFamily("cluster_ai_bus_buffered", "Events that wait for Redis.", value=plane.bus.buffered)
        for name, text, value in (
            ("published", "Events of ours that others can read.", traffic.sent),
            ("received", "Events of others that came here.", traffic.received),
            ("dropped", "Events of ours that others will never get.", traffic.dropped),
            ("missed", "Events of others that never came here.", traffic.missed),
            ("unreadable", "Entries that this version does not understand.", traffic.unreadable),
        ):
            yield CounterMetricFamily(f"cluster_ai_bus_{name}", text, value=value)


class NotifyCollector(Collector):
    """``plane`` answers None before the application started and after it stopped."""

    def __init__(self, plane: Callable[[], Plane | None]) -> None:
        self._plane = plane

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        plane = self._plane()
        if plane is None:
            return
        figures = plane.notify.tools.figures
        yield CounterMetricFamily("webhooks_enqueued", "Deliveries that were made of events.", value=figures.enqueued)
        yield CounterMetricFamily("webhooks_sent", "Attempts that the other side took.", value=figures.sent)
        failed = CounterMetricFamily("webhooks_failed", "Attempts that failed, by why.", labels=["why"])
        for why in ("answered", "unreachable"):
            failed.add_metric([why], figures.failed[why])
        yield failed
        yield GaugeMetricFamily("webhook_queue_size", "Deliveries that wait.", value=figures.waiting)
        seconds = HistogramMetricFamily("webhook_duration_seconds", "How long attempts took.")
        seconds.add_metric([], buckets=figures.seconds.cumulative(), sum_value=figures.seconds.sum)
        yield seconds
        yield CounterMetricFamily(
            "webhook_signature_validation_failures",
            "Messages of others whose signature or time was not right.",
            value=figures.signature_failures,
        )
