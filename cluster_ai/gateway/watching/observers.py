"""Those who are told of calls that are over: a call pays for a place in a queue, and they take their time."""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import structlog
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from cluster_ai.core.loops import every
from cluster_ai.gateway.served import Served
from cluster_ai.gateway.types import Watched
from cluster_ai.gateway.watching.access_log import access_log
from cluster_ai.gateway.watching.request_log import RequestLog
from cluster_ai.gateway.watching.spans import open_spans
from cluster_ai.gateway.watching.traffic import Traffic

log = structlog.get_logger(__name__)

Observer = Callable[[Served], None]
Sink = Callable[[Sequence[Served]], None]

WAITING: Final = 20_000
"""Calls that wait for their observers; beyond, the oldest is dropped and counted."""
PAUSE: Final = 0.2
_STUMBLES: Final = (ArithmeticError, LookupError, OSError, TypeError, ValueError)
"""Of one who cannot write, or cannot put into words what a call holds: the others see the call nevertheless."""
AT_A_TIME: Final = 32
"""Calls handed over before the loop gets to breathe: streams must not wait for a log."""


class Pump:
    """Takes calls at once and hands them on, some at a time.

    ``sinks`` by name; ``failed`` counts the calls that each of them has stumbled over.
    """

    def __init__(self, sinks: Mapping[str, Sink], *, most: int = WAITING) -> None:
        self._sinks = dict(sinks)
        self.failed: Counter[str] = Counter()
        self._waiting: deque[Served] = deque()
        self._most = most
        self.dropped = 0

    def take(self, call: Served) -> None:
        if len(self._waiting) >= self._most:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(call)

    async def drain(self) -> None:
        """Hands on what waits now."""
        while self._waiting:
            # Taken out first: whatever a sink stumbles over is not met again.
            calls = [self._waiting.popleft() for _ in range(min(AT_A_TIME, len(self._waiting)))]
            for name, sink in self._sinks.items():
                try:
                    sink(calls)
                except _STUMBLES as exc:
                    self._stumbled(name, calls, exc)
            await asyncio.sleep(0)

    def _stumbled(self, name: str, calls: Sequence[Served], error: Exception) -> None:
        self.failed[name] += len(calls)
        if self.failed[name] == len(calls):
            # The log may lie where that sink could not write.
            with contextlib.suppress(OSError):
                log.warning("calls are lost to one who watches", by=name, reason=repr(error)[:200])


class Observing(Collector):
    """Everybody who observes in this process, and what they count. Before ``running`` calls are counted only."""

    def __init__(self) -> None:
        self._traffic = Traffic()
        self._pump: Pump | None = None
        self._requests: RequestLog | None = None

    def observe(self, call: Served) -> None:
        """Called once for each call when it is over; costs microseconds."""
        self._traffic.observe(call)
        if self._pump is not None:
            self._pump.take(call)

    @asynccontextmanager
    async def running(self, config: Watched) -> AsyncIterator[None]:
        """Logs, traces and stores calls inside the block; what was taken is handed on before it ends.

        Raises:
            Misconfigured: traces are wanted and cannot be made.
        """
        async with AsyncExitStack() as stack:
            sinks: dict[str, Sink] = {}
            if config.settings.access_log:
                sinks["access_log"] = access_log()
            if spans := await stack.enter_async_context(open_spans(config.env)):
                sinks["traces"] = spans.export
            if config.database_url and config.settings.request_log != "off":
                self._requests = RequestLog(config.database_url, config.settings)
                await stack.enter_async_context(self._requests.running())
                sinks["request_log"] = self._requests.take
            self._pump = Pump(sinks)
            await stack.enter_async_context(_pumping(self._pump))
            yield

    def describe(self) -> Iterator[Metric]:
        yield from ()

    def collect(self) -> Iterator[Metric]:
        yield from self._traffic.collect()
        lost = CounterMetricFamily(
            "cluster_ai_gateway_observations_lost", "Calls that a log or trace never saw.", labels=("by",)
        )
        missed = Counter(self._pump.failed if self._pump else {})
        missed["queue"] += self._pump.dropped if self._pump else 0
        missed["request_log"] += self._requests.lost if self._requests else 0
        for name, calls in missed.items():
            lost.add_metric([name], calls)
        yield lost


@asynccontextmanager
async def _pumping(pump: Pump) -> AsyncIterator[None]:
    task = asyncio.create_task(every(PAUSE, pump.drain, name="observers"), name="observers")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await pump.drain()
