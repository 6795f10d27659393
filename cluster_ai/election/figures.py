"""The term as Prometheus metrics, read at the moment of the scrape."""

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cluster_ai.election.term import Term


class TermCollector(Collector):
    """``term`` answers None before the application started and after it stopped."""

    def __init__(self, term: Callable[[], Term | None]) -> None:
        self._term = term

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        term = self._term()
        if term is None:
            return
        view = term.view()
        yield GaugeMetricFamily("cluster_ai_leader", "1 while this head leads.", value=float(view.leads))
        yield GaugeMetricFamily("cluster_ai_leader_epoch", "The term that this head knows of.", value=view.epoch)
        name, what = "cluster_ai_leader_refused", "Writes of this head that came after its term."
        yield CounterMetricFamily(name, what, value=view.refused)
