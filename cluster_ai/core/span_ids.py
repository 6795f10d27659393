"""Ids for spans that were promised before the spans were made. Needs the OpenTelemetry SDK."""

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from cluster_ai.core.trace_context import TraceContext


class GivenIds(RandomIdGenerator):
    """Random ids, except for the next span, which may be given its own. For one thread."""

    def __init__(self) -> None:
        self._given: TraceContext | None = None

    def give(self, context: TraceContext | None) -> None:
        """The ids of the next span; its trace's counts only when it has no parent."""
        self._given = context

    def generate_trace_id(self) -> int:
        return self._given.trace if self._given else super().generate_trace_id()

    def generate_span_id(self) -> int:
        given, self._given = self._given, None
        return given.span if given else super().generate_span_id()
