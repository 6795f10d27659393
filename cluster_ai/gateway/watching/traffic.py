"""How long calls took and how they ended, by model and node: Prometheus histograms filled when a call is over.

Written here, not taken from the client library: one call adds up to 64 gaps between tokens, and the library's lock and
label look-up would be paid for each. Everything happens in one thread.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from cluster_ai.core.metrics import Bins
from cluster_ai.gateway.served import Served

MOST_MODELS: Final = 200
MOST_NODES: Final = 200
MOST_CODES: Final = 50
OTHER: Final = "other"
"""What comes after the first so many is counted under this name, so that a stranger cannot make series."""

_ERROR: Final = 400
_LABELS: Final = ("model", "node")
_SHORT: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
_GAPS: Final = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
_LONG: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
_LOADS: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)


@dataclass(slots=True)
class Series:
    """What was measured of one model on one node."""

    queue: Bins = field(default_factory=lambda: Bins(_SHORT))
    load: Bins = field(default_factory=lambda: Bins(_LOADS))
    ttft: Bins = field(default_factory=lambda: Bins(_SHORT))
    gaps: Bins = field(default_factory=lambda: Bins(_GAPS))
    total: Bins = field(default_factory=lambda: Bins(_LONG))
    prompt_tokens: int = 0
    output_tokens: int = 0

    def add(self, served: Served) -> None:
        self.queue.add(served.queue_seconds)
        self.total.add(served.total_seconds)
        if served.load_seconds > 0:
            self.load.add(served.load_seconds)
        if served.ttft_seconds is not None:
            self.ttft.add(served.ttft_seconds)
        if served.gaps:
            self.gaps.add_all(served.gaps)
        self.prompt_tokens += served.prompt_tokens
        self.output_tokens += served.output_tokens


class Names:
    """A set of labels that stops growing."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = {""}

    def label(self, name: str, *, learn: bool = True) -> str:
        """``name`` itself when it is known or may be learned; else ``OTHER``."""
        if name in self._known:
            return name
        if not learn or len(self._known) > self._most:
            return OTHER
        self._known.add(name)
        return name


class Traffic(Collector):
    """An observer of calls, and what a scrape reads."""

    def __init__(self) -> None:
        self._models, self._nodes, self._codes = Names(MOST_MODELS), Names(MOST_NODES), Names(MOST_CODES)
        self._series: dict[tuple[str, str], Series] = {}
        self._outcomes: Counter[tuple[str, str, str]] = Counter()
        self._failed: Counter[str] = Counter()
        self._resumed = 0

    def observe(self, served: Served) -> None:
        """Counts one call that is over."""
        node, model = served.node, served.answered_by or served.model
        series = self._series.get((model, node))
        if series is None:
            node = self._nodes.label(node)
            # Only what a node has answered is a model; anything else is whatever a client wrote.
            model = self._models.label(model, learn=bool(served.node) and served.status < _ERROR)
            series = self._series.setdefault((model, node), Series())
        series.add(served)
        self._outcomes[served.outcome.value, self._codes.label(served.code), node] += 1
        self._resumed += served.resumed
        for name in served.tried:
            self._failed[self._nodes.label(name)] += 1

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        yield from _histograms(self._series)
        yield _tokens(self._series)
        outcomes = CounterMetricFamily(
            "cluster_ai_gateway_outcomes", "Calls that are over.", labels=("outcome", "code", "node")
        )
        for labels, count in self._outcomes.items():
            outcomes.add_metric(labels, count)
        yield outcomes
        failed = CounterMetricFamily(
            "cluster_ai_gateway_failed_attempts", "Times a node was asked and gave no answer.", labels=("node",)
        )
        for node, count in self._failed.items():
            failed.add_metric([node], count)
        yield failed
        yield CounterMetricFamily(
            "cluster_ai_gateway_resumed", "Streams that went on from another node.", value=self._resumed
        )


_HISTOGRAMS: Final = (
    ("queue", "queue", "In the gateway's queue."),
    ("load", "load", "Waiting for the node to load the model; only calls that waited."),
    ("ttft", "ttft", "From the call's arrival to the first byte of its answer."),
    ("inter_token", "gaps", "Between two tokens of a stream, at most the first 64 of each."),
    ("call", "total", "From the call's arrival to its end."),
)


def _histograms(rows: Mapping[tuple[str, str], Series]) -> Iterator[Metric]:
    for name, attribute, text in _HISTOGRAMS:
        family = HistogramMetricFamily(f"cluster_ai_gateway_{name}_seconds", text, labels=_LABELS)
        for labels, series in rows.items():
            bins: Bins = getattr(series, attribute)
            if not bins.is_empty:
                family.add_metric(labels, buckets=bins.cumulative(), sum_value=bins.sum)
        yield family


def _tokens(rows: Mapping[tuple[str, str], Series]) -> Metric:
    family = CounterMetricFamily(
        "cluster_ai_gateway_tokens", "Tokens as the nodes counted them.", labels=("kind", *_LABELS)
    )
    for labels, series in rows.items():
        family.add_metric(("prompt", *labels), series.prompt_tokens)
        family.add_metric(("output", *labels), series.output_tokens)
    return family
