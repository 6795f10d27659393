"""Every metric of the gateway stands in the reference, and nothing stands there that is not told."""

import re
from pathlib import Path

from prometheus_client import generate_latest

from cluster_ai.gateway.types import BreakerState, GatewayView, UpstreamKind, UpstreamState, UpstreamView
from cluster_ai.gateway.watching.metrics import gateway_registry
from cluster_ai.gateway.watching.observers import Observing
from tests.gateway.observing.calls import served

PAGE = Path(__file__).parents[2] / "docs/reference/metrics.md"
NODE = UpstreamView(
    name="n1", url="http://n1", kind=UpstreamKind.OLLAMA, state=UpstreamState.HEALTHY, breaker=BreakerState.CLOSED,
    ttft_seconds=0.1,
)  # fmt: skip


def told() -> set[str]:
    observing = Observing()
    observing.observe(served(load_seconds=1.0, tried={"n0": "x"}))
    view = GatewayView(started_at=1.0, upstreams=(NODE,), waiting={"m": 1})
    text = generate_latest(gateway_registry(lambda: view, observing)).decode()
    kinds = dict(re.findall(r"^# TYPE (cluster_ai_\w+) (\w+)$", text, re.MULTILINE))
    return {name for name in kinds if not name.endswith("_created")}


def test_the_gateways_metrics_are_those_of_the_reference() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## Gateway")[2]
    written = set(re.findall(r"^\| `(cluster_ai_\w+)` \|", section, re.MULTILINE))
    assert told() - {"cluster_ai_build_info"} == written
