"""The log store as Prometheus metrics, read at the moment of the scrape."""

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cluster_ai.logs.room import Logs

_SENT = (("sent", "Lines that it has taken."), ("refused", "Lines that it would not take."),
         ("missed", "Lines that were removed here before it took them."))  # fmt: skip


class LogsCollector(Collector):
    """``logs`` answers None before the application started and after it stopped."""

    def __init__(self, logs: Callable[[], Logs | None]) -> None:
        self._logs = logs

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        logs = self._logs()
        if logs is None:
            return
        yield GaugeMetricFamily("cluster_ai_logs_up", "1 while lines are collected.", value=float(logs.is_open))
        yield CounterMetricFamily("cluster_ai_logs_lines", "Lines collected.", value=logs.collected)
        yield GaugeMetricFamily("cluster_ai_logs_behind_bytes", "Written and not collected yet.", value=logs.behind)
        waiting = GaugeMetricFamily("cluster_ai_logs_sink_waiting", "Lines it has not taken yet.", labels=["sink"])
        for shipper in logs.shippers:
            waiting.add_metric([shipper.name], shipper.waiting)
        yield waiting
        for name, text in _SENT:
            family = CounterMetricFamily(f"cluster_ai_logs_sink_{name}", text, labels=["sink"])
            for shipper in logs.shippers:
                family.add_metric([shipper.name], getattr(shipper, name))
            yield family
