"""Calls as OpenTelemetry spans, made when a call is over, with the times it really had.

Nothing is paid before: see ``core.exporting``, which also says how it is configured.
"""

# ruff: noqa: PLC0415 - the SDK is an extra: it is imported when spans are wanted, and costs nothing else

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from cluster_ai import __version__
from cluster_ai.core.exporting import Exporter, nanoseconds, open_exporter, parent_of, wants_spans
from cluster_ai.core.trace_context import read_context
from cluster_ai.gateway.served import Attempt, Outcome, Served

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Tracer

__all__ = ["Spans", "attributes", "open_spans", "wants_spans"]

SERVICE: Final = "cluster-ai-gateway"
_SERVER_ERROR: Final = 500


@asynccontextmanager
async def open_spans(env: Mapping[str, str]) -> AsyncIterator["Spans | None"]:
    """What makes spans of calls; None when nobody wants them. Those not yet sent are sent at the end.

    Raises:
        Misconfigured: they are wanted, and cannot be had.
    """
    async with open_exporter(env, service=SERVICE) as exporter:
        yield Spans(exporter) if exporter else None


class Spans:
    """Turns calls into spans: ``gateway.call``, and below it ``queue``, ``load``, ``attempt`` and ``stream``."""

    def __init__(self, exporter: Exporter) -> None:
        self.provider = exporter.provider
        self._ids = exporter.ids
        self._tracer: Tracer = exporter.provider.get_tracer("cluster_ai.gateway", __version__)

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
            context=parent_of(caller),
            kind=SpanKind.SERVER,
            attributes=attributes(call),
            start_time=nanoseconds(call.at),
        )
        if span.is_recording():
            self._inner(call, set_span_in_context(span))
            if call.outcome is Outcome.BROKEN or call.status >= _SERVER_ERROR:
                span.set_status(StatusCode.ERROR, call.code)
        span.end(nanoseconds(call.at + call.total_seconds))

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
        span = self._tracer.start_span(name, context=context, start_time=nanoseconds(call.at + between[0]))
        span.end(nanoseconds(call.at + max(between)))

    def _attempt(self, attempt: Attempt, call: Served, context: "Context") -> None:
        from opentelemetry.trace import SpanKind, StatusCode

        span = self._tracer.start_span(
            "attempt",
            context=context,
            kind=SpanKind.CLIENT,
            attributes={"cluster_ai.node": attempt.node},
            start_time=nanoseconds(call.at + attempt.began),
        )
        if attempt.reason:
            span.set_status(StatusCode.ERROR, attempt.reason)
        span.end(nanoseconds(call.at + max(attempt.began, attempt.ended)))


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
