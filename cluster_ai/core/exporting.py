"""Where spans go: OpenTelemetry's SDK and its OTLP/HTTP exporter, when somebody configured them.

Nothing is paid before: without the ``tracing`` extra, or without an address to send spans to, there is no exporter and
the SDK is never imported. The standard's variables configure it: ``OTEL_EXPORTER_OTLP_ENDPOINT`` and the others of
OTLP, ``OTEL_TRACES_EXPORTER``, ``OTEL_TRACES_SAMPLER``, ``OTEL_SERVICE_NAME``, ``OTEL_BSP_*``.
"""

# ruff: noqa: PLC0415 - the SDK is an extra: it is imported when spans are wanted, and costs nothing else

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import structlog

from cluster_ai import __version__
from cluster_ai.core.errors import Misconfigured
from cluster_ai.core.trace_context import TraceContext

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider

    from cluster_ai.core.span_ids import GivenIds

log = structlog.get_logger(__name__)

STOP_SECONDS: Final = 2.0
"""A collector that does not answer keeps nobody from stopping for longer."""
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_NEEDED: Final = ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")


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


class Exporter:
    """A provider of spans, and the ids that were promised to those that it makes next. For one thread."""

    def __init__(self, provider: "TracerProvider", ids: "GivenIds") -> None:
        self.provider = provider
        self.ids = ids


@asynccontextmanager
async def open_exporter(env: Mapping[str, str], *, service: str) -> AsyncIterator[Exporter | None]:
    """What sends spans, under the name ``service`` unless the environment has another; None when nobody wants them.

    Those not yet sent are sent at the end.

    Raises:
        Misconfigured: they are wanted, and cannot be had.
    """
    if not wants_spans(env):
        yield None
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    exporter = make_exporter(service=service)
    exporter.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield exporter
    finally:
        await _shut(exporter.provider)


def make_exporter(*, service: str) -> Exporter:
    """One whose spans go nowhere until its provider is given a processor."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    from cluster_ai.core.span_ids import GivenIds

    ids, found = GivenIds(), Resource.create({"service.version": __version__})
    if str(found.attributes["service.name"]).startswith("unknown_service"):
        found = found.merge(Resource({"service.name": service}))
    return Exporter(TracerProvider(resource=found, id_generator=ids, shutdown_on_exit=False), ids)


def parent_of(context: TraceContext | None) -> "Context":
    """``context`` as a span's parent; of a span without one nothing at all, whatever else goes on in this process."""
    from opentelemetry.context import Context
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    if context is None:
        return Context()
    flags = TraceFlags(context.flags & TraceFlags.SAMPLED)
    place = SpanContext(context.trace, context.span, is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(place), Context())


def nanoseconds(seconds: float) -> int:
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
