"""What spans cost where they are made: ``python benchmarks/tracing.py``; nothing leaves this process.

Each row is the median of five rounds, in microseconds of processor time for one of them. "off" is how a cluster runs
unless somebody configured a collector.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from statistics import median
from typing import Any

from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from backend.traced import Traced
from cluster_ai.core.asgi.observe import Observed
from cluster_ai.core.exporting import make_exporter
from cluster_ai.core.metrics import HttpMetrics, new_registry
from cluster_ai.core.tracing import OFF, Past, Tracing
from cluster_ai.gateway.served import Served
from cluster_ai.gateway.watching.observers import Observing, Pump
from cluster_ai.gateway.watching.spans import Spans
from tests.gateway.observing.calls import served

ROUNDS = 5
TIMES = 5000
SCOPE = {
    "type": "http", "method": "GET", "path": "/x", "state": {},
    "headers": [(b"traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")],
}  # fmt: skip


class Nowhere(SpanExporter):
    """Takes what it is given: the wire belongs to the exporter's own thread."""

    def export(self, spans: Any) -> SpanExportResult:
        del spans
        return SpanExportResult.SUCCESS


async def costs(work: Callable[[], Awaitable[None]]) -> float:
    """Microseconds of this thread for one."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        for _ in range(TIMES):
            await work()
        rounds.append((time.thread_time() - began) / TIMES * 1e6)
    return median(rounds)


async def app(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"x"})


async def send(_message: Any) -> None:
    """Nobody is there."""


async def receive() -> dict[str, str]:
    return {"type": "http.disconnect"}


def request(inner: Any) -> Callable[[], Awaitable[None]]:
    observed = Observed(inner, metrics=HttpMetrics(new_registry(component="bench", version="0")))

    async def work() -> None:
        await observed(dict(SCOPE), receive, send)

    return work


def block(tracing: Tracing) -> Callable[[], Awaitable[None]]:
    async def work() -> None:
        with tracing.span("x") as live:
            live.attributes["n"] = 1

    return work


def attempt(tracing: Tracing) -> Callable[[], Awaitable[None]]:
    past = Past("ticket.attempt", 1.0, 2.0, attributes={"attempt": 1, "type": "execute"})

    async def work() -> None:
        tracing.record(past)

    return work


def call(one: Served, spans: Spans | None) -> Callable[[], Awaitable[None]]:
    """As the gateway does when a call is over: counted at once, handed to its observers a moment later."""
    observing = Observing()
    pump = Pump({"traces": spans.export} if spans else {})
    observing._pump = pump  # noqa: SLF001 - what `running` would open as well is not measured

    async def work() -> None:
        observing.observe(one)
        await pump.drain()

    return work


async def main() -> None:
    exporter = make_exporter(service="bench")
    exporter.provider.add_span_processor(BatchSpanProcessor(Nowhere(), max_queue_size=100_000))
    on, spans, one = Tracing(exporter), Spans(exporter), served()
    rows = (
        ("a request of the API, its outer layers", request(app), request(Traced(app, on))),
        ("a call of the gateway, when it is over", call(one, None), call(one, spans)),
        ("a block: with tracing.span(...)", block(OFF), block(on)),
        ("an attempt: tracing.record(...)", attempt(OFF), attempt(on)),
    )
    print(f"{'':42}{'off':>10}{'on':>10}   microseconds each")
    for name, off, with_spans in rows:
        print(f"{name:42}{await costs(off):10.2f}{await costs(with_spans):10.2f}")
    exporter.provider.shutdown()


if __name__ == "__main__":
    asyncio.run(main())
