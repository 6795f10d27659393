"""Calls as OpenTelemetry spans, made when a call is over, with the times it really had.

Nothing is paid before: without the ``tracing`` extra, or without an address to send spans to, there is no exporter and
nobody is told of calls. The standard's variables configure it: ``OTEL_EXPORTER_OTLP_ENDPOINT`` and the others of OTLP,
``OTEL_TRACES_EXPORTER``, ``OTEL_TRACES_SAMPLER``, ``OTEL_SERVICE_NAME``, ``OTEL_BSP_*``.
"""

# ruff: noqa: PLC0415 - the SDK is an extra: it is imported when spans are wanted, and costs nothing else

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import structlog

from cluster_ai import __version__
from cluster_ai.core.errors import Misconfigured
from cluster_ai.gateway.served import Attempt, Outcome, Served
from cluster_ai.gateway.watching.tracing import TraceContext, read_context

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

    from cluster_ai.gateway.watching.span_ids import GivenIds

log = structlog.get_logger(__name__)

STOP_SECONDS: Final = 2.0
"""A collector that does not answer keeps nobody from stopping for longer."""
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_NEEDED: Final = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")
_SERVER_ERROR: Final = 500


def wants_spans(env: Mapping[str, str]) -> bool:
    """Whether somebody configured where spans go. Ask before anything is started.

    Raises:
        Misconfigured: to something else than OTLP, or the SDK is not installed.
    """
    if env.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    kind = env.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if kind == "none":
        return False
    if kind not in {"", "otlp"}:
        raise Misconfigured(f"OTEL_TRACES_EXPORTER={kind} is not known here", hint="otlp or none")
    wanted = kind == "otlp" or any(env.get(name) for name in _ENDPOINTS)
    if wanted and not all(map(_is_installed, _NEEDED)):
        raise Misconfigured(
            "OTEL_* asks for traces, and the OpenTelemetry SDK is not installed", hint="install cluster-ai[tracing]"
        )
    return wanted


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        # Not even the package that it would lie in.
        return False


@asynccontextmanager
async def open_spans(env: Mapping[str, str]) -> AsyncIterator["Spans | None"]:
    """What makes spans of calls; None when nobody wants them. Those not yet sent are sent at the end.

    Raises:
        Misconfigured: they are wanted, and cannot be had.
    """
    if not wants_spans(env):
        yield None
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    spans = make_spans()
    spans.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield spans
    finally:
        await _shut(spans.provider)


def make_spans() -> "Spans":
    """Spans that go nowhere until their provider is given a processor."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    from cluster_ai.gateway.watching.span_ids import GivenIds

    ids, found = GivenIds(), Resource.create({"service.version": __version__})
    if str(found.attributes["service.name"]).startswith("unknown_service"):
        found = found.merge(Resource({"service.name": "cluster-ai-gateway"}))
    return Spans(TracerProvider(resource=found, id_generator=ids, shutdown_on_exit=False), ids)


class Spans:
    """Turns calls into spans: ``gateway.call``, and below it ``queue``, ``load``, ``attempt`` and ``stream``."""

    def __init__(self, provider: "TracerProvider", ids: "GivenIds") -> None:
        self.provider = provider
        self._ids = ids
        self._tracer: Tracer = provider.get_tracer("cluster_ai.gateway", __version__)

    def export(self, calls: Sequence[Served]) -> None:
        """Hands the spans of these calls to the exporter's own thread."""
        for call in calls:
            self._call(call)

    def _call(self, call: Served) -> None:
        from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

        own, caller = read_context(call.passed_context), read_context(call.traceparent)
        # The node was told this id before there was a span; the span takes it now, so that the node's hang below it.
        self._ids.give(own)
        span = self._tracer.start_span(
            "gateway.call",
            context=_remote(caller),
            kind=SpanKind.SERVER,
            attributes=attributes(call),
            start_time=_nanoseconds(call.at),
        )
        if span.is_recording():
            self._inner(call, set_span_in_context(span))
            if call.outcome is Outcome.BROKEN or call.status >= _SERVER_ERROR:
                span.set_status(StatusCode.ERROR, call.code)
        span.end(_nanoseconds(call.at + call.total_seconds))

    def _inner(self, call: Served, context: "Context") -> None:
        if call.queue_seconds > 0:
            self._part("queue", call, context, (0.0, call.queue_seconds))
        attempts = call.timeline or _supposed(call)
        if call.load_seconds > 0 and attempts:
            began = attempts[-1].began
            self._part("load", call, context, (began, began + call.load_seconds))
        for attempt in attempts:
            self._attempt(attempt, call, context)
        if call.ttft_seconds is not None and call.stream:
            self._part("stream", call, context, (call.ttft_seconds, call.total_seconds))

    def _part(self, name: str, call: Served, context: "Context", between: tuple[float, float]) -> None:
        span = self._tracer.start_span(name, context=context, start_time=_nanoseconds(call.at + between[0]))
        span.end(_nanoseconds(call.at + max(between)))

    def _attempt(self, attempt: Attempt, call: Served, context: "Context") -> None:
        from opentelemetry.trace import SpanKind, StatusCode

        span = self._tracer.start_span(
            "attempt",
            context=context,
            kind=SpanKind.CLIENT,
            attributes={"cluster_ai.node": attempt.node},
            start_time=_nanoseconds(call.at + attempt.began),
        )
        if attempt.reason:
            span.set_status(StatusCode.ERROR, attempt.reason)
        span.end(_nanoseconds(call.at + max(attempt.began, attempt.ended)))


def attributes(call: Served) -> dict[str, str | int | float | bool]:
    """Names are those of OpenTelemetry's conventions for HTTP and for generative AI where they have one."""
    return {
        "http.request.method": "POST",
        "http.route": call.path,
        "http.response.status_code": call.status,
        "gen_ai.request.model": call.model,
        "gen_ai.response.model": call.answered_by or call.model,
        "gen_ai.usage.input_tokens": call.prompt_tokens,
        "gen_ai.usage.output_tokens": call.output_tokens,
        "cluster_ai.request_id": call.request_id,
        "cluster_ai.key_id": call.key_id,
        "cluster_ai.priority": call.priority.name.lower(),
        "cluster_ai.node": call.node,
        "cluster_ai.why": call.why,
        "cluster_ai.attempts": call.attempts,
        "cluster_ai.resumed": call.resumed,
        "cluster_ai.outcome": call.outcome.value,
        **({"error.type": call.code} if call.code else {}),
    }


def _supposed(call: Served) -> list[Attempt]:
    """Without a record of the tries: those that failed at the start, the last one until the end."""
    began = call.queue_seconds
    failed = [Attempt(node, began, began, reason) for node, reason in call.tried.items()]
    return [*failed, Attempt(call.node, began, call.total_seconds)] if call.node else failed


def _remote(context: TraceContext | None) -> "Context":
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    if context is None:
        return Context()
    flags = TraceFlags(context.flags & TraceFlags.SAMPLED)
    place = SpanContext(context.trace, context.span, is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(place), Context())


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)


async def _shut(provider: "TracerProvider") -> None:
    """Sends what is left, in a thread that dies with the process: a collector may take it and never answer."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()

    def shut() -> None:
        provider.shutdown()
        with suppress(RuntimeError):  # the loop is closed: nobody waited so long
            loop.call_soon_threadsafe(done.set)

    threading.Thread(target=shut, name="last spans", daemon=True).start()
    with suppress(TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            await done.wait()
            return
    log.warning("the last spans could not be sent in time")
