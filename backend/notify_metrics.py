"""Webhooks and the shared bus as Prometheus metrics, read at the moment of the scrape."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from backend.plane import Plane
from backend.scraped import Scraped
from cluster_ai.core.redis_bus import SharedBus


class BusCollector(Scraped[Plane]):
    """What goes to Redis and comes from it; nothing where none is set."""

    def of(self, plane: Plane) -> Iterator[Metric]:
        if not isinstance(plane.bus, SharedBus):
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


class NotifyCollector(Scraped[Plane]):
    """Webhooks."""

    def of(self, plane: Plane) -> Iterator[Metric]:
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
