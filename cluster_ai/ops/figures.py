"""When the last good backup was made, as a Prometheus metric."""

from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector


class BackupsCollector(Collector):
    """``last``: Unix seconds; None where there is none, and before anybody looked: then nothing is told."""

    def __init__(self, last: Callable[[], float | None]) -> None:
        self._last = last

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        last = self._last()
        if last is not None:
            name, what = "cluster_ai_backup_last_success_timestamp_seconds", "When the newest proven backup was made."
            yield GaugeMetricFamily(name, what, value=last)
