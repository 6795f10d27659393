"""How tickets get done, as Prometheus metrics: counted as it happens, gauges read at the moment of the scrape."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from prometheus_client import Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from backend.scraped import Scraped

SECONDS: Final = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400)
STEP_SECONDS: Final = (0.001, 0.01, 0.1, 1, 10, 60, 600, 3600)
STEPS: Final = ("c1", "c2", "c3", "c4", "c5", "c6")
MOST_REASONS: Final = 64
"""Codes of errors that are told apart; others are ``other``."""


class FlowFigures:
    """Of plans that ended, and of tickets on their way."""

    def __init__(self) -> None:
        self.duration = Histogram(
            "cluster_ai_flow_duration_seconds", "From a plan's acceptance to its end.", registry=None, buckets=SECONDS
        )
        self.steps = Histogram(
            "cluster_ai_flow_steps_duration_seconds",
            "Time of each step of a plan.",
            ["step"],
            registry=None,
            buckets=STEP_SECONDS,
        )
        self.success = Counter("cluster_ai_flow_success", "Plans that succeeded.", registry=None)
        self.failures = Counter("cluster_ai_flow_failures", "Plans that did not, by reason.", ["reason"], registry=None)
        self.late = Counter("cluster_ai_flow_sla_violations", "Tickets that ended after their deadline.", registry=None)
        self.published = Counter(
            "cluster_ai_flow_telemetry_published", "Records of plans that their sink took.", registry=None
        )
        self.consumed = Counter("tickets_consumed", "Tickets given to workers.", registry=None)
        self.persisted = Counter("tickets_persisted", "Tickets accepted and stored.", registry=None)
        self.errors = Counter(
            "tickets_processing_errors", "Attempts that failed, by kind of work.", ["kind"], registry=None
        )
        self._reasons: set[str] = set()

    def ended(self, record: Mapping[str, Any], late: int) -> None:
        """A plan ended; ``record`` is its telemetry."""
        self.duration.observe(float(record["seconds"]))
        for step, milliseconds in record["steps"].items():
            if step in STEPS:
                self.steps.labels(step).observe(float(milliseconds) / 1000)
        if record["status"] == "succeeded":
            self.success.inc()
        else:
            self.failures.labels(self._bounded(str(record["error_code"] or record["status"]))).inc()
        self.late.inc(late)

    def collect(self) -> Iterator[Metric]:
        for one in (
            self.duration,
            self.steps,
            self.success,
            self.failures,
            self.late,
            self.published,
            self.consumed,
            self.persisted,
            self.errors,
        ):
            yield from one.collect()

    def _bounded(self, reason: str) -> str:
        """An executor names its errors as it likes; a label has an end."""
        if reason not in self._reasons and len(self._reasons) >= MOST_REASONS:
            return "other"
        self._reasons.add(reason)
        return reason


class DispatchCollector(Scraped[Any]):
    """The dispatcher, and the tickets that have not ended."""

    def of(self, plane: Any) -> Iterator[Metric]:
        if plane.dispatching is None:
            return
        watch = plane.dispatching.watch
        yield from watch.figures.collect()
        size = GaugeMetricFamily("cluster_ai_flow_telemetry_buffer_size", "Records of plans that wait for their sink.")
        size.add_metric([], watch.telemetry.size)
        yield size
        dropped = CounterMetricFamily("cluster_ai_flow_telemetry_dropped", "Records of plans that waited too long.")
        dropped.add_metric([], watch.telemetry.dropped)
        yield dropped
        states = GaugeMetricFamily("tickets_by_status", "Tickets that have not ended, by state.", labels=["status"])
        for status, count in watch.by_status.items():
            states.add_metric([status], count)
        yield states
        open_ = GaugeMetricFamily("cluster_ai_incidents_open", "Incidents that are open, by kind.", labels=["kind"])
        for kind, count in watch.open_kinds().items():
            open_.add_metric([kind], count)
        yield open_
