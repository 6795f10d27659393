"""Spans of whatever takes time, made when it is over: with the times that it really had, in the caller's trace.

``with tracing.span("...")`` is for what begins and ends in one block. ``tracing.record(Past(...))`` is for what
outlives a block and even a process: its place in the trace is drawn at the beginning (``begin``), stored and told to
others as a ``traceparent``, and the span takes it at the end. Off, both cost a call and no more.
"""

# ruff: noqa: PLC0415 - OpenTelemetry is imported when spans are wanted

import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, Literal

from cluster_ai import __version__
from cluster_ai.core.exporting import Exporter, nanoseconds, open_exporter, parent_of
from cluster_ai.core.trace_context import child_context, read_context

__all__ = ["OFF", "Live", "Past", "Tracing", "begin", "here", "open_tracing"]

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Value = str | int | float | bool

_HERE: ContextVar[str] = ContextVar("traceparent", default="")


@dataclass(frozen=True, slots=True)
class Past:
    """Something that is over. Times in Unix seconds.

    ``context`` is its own place as a ``traceparent``, when that was told to others before; ``parent`` that of what it
    was part of. ``error``: why it failed, empty when it did not.
    """

    name: str
    began: float
    ended: float
    context: str = ""
    parent: str = ""
    kind: Kind = "internal"
    attributes: Mapping[str, Value] = field(default_factory=dict)
    error: str = ""


@dataclass(slots=True)
class Live:
    """Something that goes on. Whoever runs it may still name it better, and say more of it."""

    name: str
    context: str
    attributes: dict[str, Value] = field(default_factory=dict)
    error: str = ""


def here() -> str:
    """The ``traceparent`` of what goes on here, for those who are asked by it; empty where nothing is traced."""
    return _HERE.get()


def begin(parent: str = "") -> str:
    """The place in a trace of something that begins: below ``parent``, or in a new trace without one."""
    return child_context(parent, begin=True)


class Tracing:
    """Spans of one process. ``exporter`` None: there are none. For one thread."""

    def __init__(self, exporter: Exporter | None, *, now: Callable[[], float] = time.time) -> None:
        self._ids = exporter.ids if exporter else None
        self._tracer = exporter.provider.get_tracer("cluster_ai", __version__) if exporter else None
        self._now = now

    @property
    def is_on(self) -> bool:
        return self._tracer is not None

    @contextmanager
    def span(self, name: str, *, parent: str | None = None, kind: Kind = "internal") -> Iterator[Live]:
        """The block as a span, below ``parent``; below what goes on here when that is None.

        An error that leaves the block is the span's, too; being cancelled is none.
        """
        above = here() if parent is None else parent
        if self._tracer is None:
            yield Live(name, above)
            return
        live, began = Live(name, begin(above)), self._now()
        token = _HERE.set(live.context)
        try:
            yield live
        except Exception as exc:
            live.error = live.error or type(exc).__name__
            raise
        finally:
            _HERE.reset(token)
            self.record(Past(live.name, began, self._now(), live.context, above, kind, live.attributes, live.error))

    def record(self, past: Past) -> None:
        """Hands its span to the exporter's own thread."""
        if self._tracer is None or self._ids is None:
            return
        from opentelemetry.trace import SpanKind, StatusCode

        # Others were told this place before there was a span; it takes it now, so that theirs hang below it.
        self._ids.give(read_context(past.context))
        span = self._tracer.start_span(
            past.name,
            context=parent_of(read_context(past.parent)),
            kind=SpanKind[past.kind.upper()],
            attributes=dict(past.attributes),
            start_time=nanoseconds(past.began),
        )
        self._ids.give(None)
        if past.error:
            span.set_status(StatusCode.ERROR, past.error)
        span.end(nanoseconds(max(past.began, past.ended)))


OFF: Final = Tracing(None)


@asynccontextmanager
async def open_tracing(env: Mapping[str, str], *, service: str) -> AsyncIterator[Tracing]:
    """Spans of this process, as the environment asks for them; what is left is sent at the end.

    Raises:
        Misconfigured: they are wanted, and cannot be had.
    """
    async with open_exporter(env, service=service) as exporter:
        yield Tracing(exporter) if exporter else OFF
