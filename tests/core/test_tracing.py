"""Spans at a real collector: times, parents, errors; and nothing at all when nobody wants them."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from cluster_ai.core.trace_context import read_context
from cluster_ai.core.tracing import OFF, Past, Tracing, begin, here, open_tracing
from tests.gateway.observing.collector import attributes, collecting

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def traced(work: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)

        async def run() -> None:
            async with open_tracing(
                {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}, service="cluster-ai-test"
            ) as tracing:
                assert tracing.is_on
                await work(tracing)

        asyncio.run(run())
        return collector


def test_blocks_hang_below_each_other_in_the_callers_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    async def work(tracing: Tracing) -> None:
        with tracing.span("outer", parent=CALLER, kind="server") as outer:
            outer.name = "better"
            outer.attributes["count"] = 3
            with tracing.span("inner"):
                told.append(here())
            assert here() == outer.context
        assert here() == ""

    found = traced(work, monkeypatch)
    (outer,), (inner,) = found.named("better"), found.named("inner")
    assert outer.trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert outer.parent_span_id.hex() == "00f067aa0ba902b7"
    assert inner.parent_span_id == outer.span_id
    assert attributes(outer) == {"count": 3}
    context = read_context(told[0])
    assert context is not None
    assert f"{context.span:016x}" == inner.span_id.hex(), "what others were told is what was sent"
    assert outer.start_time_unix_nano <= inner.start_time_unix_nano <= inner.end_time_unix_nano
    assert found.service == "cluster-ai-test"


def test_what_outlived_its_process_is_told_with_its_own_times_and_place(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = begin()
    attempt = begin(plan)

    async def work(tracing: Tracing) -> None:
        past = Past(
            "ticket.attempt",
            1_700_000_000.5,
            1_700_000_009.25,
            attempt,
            plan,
            "consumer",
            {"attempt": 2},
            "lease expired",
        )
        tracing.record(past)
        tracing.record(Past("plain", 1.0, 0.5))

    found = traced(work, monkeypatch)
    (span,), (plain,) = found.named("ticket.attempt"), found.named("plain")
    own, above = read_context(attempt), read_context(plan)
    assert own is not None
    assert above is not None
    assert own.trace == above.trace
    assert (span.span_id.hex(), span.parent_span_id.hex()) == (f"{own.span:016x}", f"{above.span:016x}")
    assert span.start_time_unix_nano == 1_700_000_000_500_000_000
    assert span.end_time_unix_nano == pytest.approx(1_700_000_009_250_000_000, abs=1000)
    assert (span.status.code, span.status.message) == (2, "lease expired")
    assert plain.trace_id != span.trace_id, "a place is for one span"
    assert plain.end_time_unix_nano >= plain.start_time_unix_nano


def test_an_error_is_the_spans_and_being_cancelled_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(tracing: Tracing) -> None:
        with pytest.raises(ZeroDivisionError), tracing.span("broken"):
            _ = 1 / 0
        with pytest.raises(asyncio.CancelledError), tracing.span("left"):
            raise asyncio.CancelledError

    found = traced(work, monkeypatch)
    assert found.named("broken")[0].status.message == "ZeroDivisionError"
    assert found.named("left")[0].status.code == 0


def test_a_trace_that_its_caller_does_not_record_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(tracing: Tracing) -> None:
        with tracing.span("quiet", parent=CALLER[:-1] + "0"):
            assert here().endswith("-00")

    assert not traced(work, monkeypatch).spans


def test_off_it_passes_the_callers_place_on_and_loads_nothing() -> None:
    with OFF.span("x", parent=CALLER) as live:
        assert live.context == CALLER
        assert here() == ""
    OFF.record(Past("x", 0.0, 1.0))
    assert not OFF.is_on


def test_off_the_sdk_is_not_imported() -> None:
    code = "import sys, cluster_ai.core.tracing as t\nwith t.OFF.span('x'): pass\nprint('opentelemetry' in str(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
