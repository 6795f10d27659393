"""What the gateway knows, as Prometheus metrics, read at the moment of the scrape."""

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from cluster_ai import __version__
from cluster_ai.core.metrics import new_registry
from cluster_ai.gateway.types import BreakerState, GatewayView, UpstreamState, UpstreamView

_SERVING = frozenset({UpstreamState.HEALTHY, UpstreamState.SUSPECT})


Look = Callable[[], GatewayView | None]
"""Answers None before the gateway opened and after it closed."""


def gateway_registry(view: Look, *more: Collector) -> CollectorRegistry:
    """Everything that one gateway process tells of itself."""
    registry = new_registry(component="gateway", version=__version__)
    for collector in (GatewayCollector(view), *more):
        registry.register(collector)
    return registry


class GatewayCollector(Collector):
    """What is known of nodes and of the calls that are going on."""

    def __init__(self, view: Look) -> None:
        self._view = view

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        view = self._view()
        if view is None:
            return
        yield from _totals(view)
        yield from _upstreams(view.upstreams)


def _totals(view: GatewayView) -> Iterator[Metric]:
    totals = view.totals
    for name, text, value in (
        ("calls", "Inference calls taken.", totals.requests),
        ("call_errors", "Calls that no node answered, or whose answer broke off.", totals.errors),
        ("calls_cancelled", "Calls whose client left before the end.", totals.cancelled),
    ):
        yield CounterMetricFamily(f"cluster_ai_gateway_{name}", text, value=value)
    waiting = GaugeMetricFamily("cluster_ai_gateway_calls_waiting", "Calls in the queue.", labels=["model"])
    for model, count in view.waiting.items():
        waiting.add_metric([model], count)
    yield waiting
    yield GaugeMetricFamily("cluster_ai_gateway_calls_inflight", "Calls being answered.", value=view.inflight)


def _upstreams(rows: tuple[UpstreamView, ...]) -> Iterator[Metric]:
    up = GaugeMetricFamily("cluster_ai_upstream_up", "1 while the node serves.", labels=["node"])
    opened = GaugeMetricFamily("cluster_ai_upstream_breaker_open", "1 while it is left alone.", labels=["node"])
    inflight = GaugeMetricFamily("cluster_ai_upstream_inflight", "Answers it is writing.", labels=["node"])
    served = CounterMetricFamily("cluster_ai_upstream_served", "Answers it gave.", labels=["node"])
    failed = CounterMetricFamily("cluster_ai_upstream_failed", "Calls it failed.", labels=["node"])
    ttft = GaugeMetricFamily("cluster_ai_upstream_ttft_seconds", "Smoothed time to its first byte.", labels=["node"])
    for row in rows:
        up.add_metric([row.name], float(row.state in _SERVING))
        opened.add_metric([row.name], float(row.breaker is BreakerState.OPEN))
        inflight.add_metric([row.name], row.inflight)
        served.add_metric([row.name], row.served)
        failed.add_metric([row.name], row.failed)
        if row.ttft_seconds is not None:
            ttft.add_metric([row.name], row.ttft_seconds)
    yield from (up, opened, inflight, served, failed, ttft)
