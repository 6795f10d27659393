"""Prometheus metrics of one process: a registry of its own, and what every HTTP listener counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

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


class HttpMetrics:
    """Requests by route template (never by path: a scanner must not make series) and status."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "cluster_ai_http_requests_total",
            "Requests answered, by method, route template and status.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "cluster_ai_http_request_seconds",
            "From the request's head to the end of the answer, by route template.",
            ("route",),
            buckets=SECONDS,
            registry=registry,
        )
        self._inflight = Gauge("cluster_ai_http_requests_inflight", "Requests being answered.", registry=registry)

    def began(self) -> None:
        self._inflight.inc()

    def ended(self, *, method: str, route: str, status: int, seconds: float) -> None:
        self._inflight.dec()
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
