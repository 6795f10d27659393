"""Calls become spans at a real collector: their times, who is below whom, and the trace of the caller."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from cluster_ai.core.errors import Misconfigured
from cluster_ai.core.trace_context import child_context, read_context
from cluster_ai.gateway.served import Attempt, Outcome, Served
from cluster_ai.gateway.watching.spans import open_spans, wants_spans
from tests.gateway.observing.calls import served
from tests.gateway.observing.collector import Collector, attributes, collecting

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with collecting() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        yield found


def export(*calls: Served, url: str) -> None:
    async def work() -> None:
        async with open_spans({"OTEL_EXPORTER_OTLP_ENDPOINT": url}) as spans:
            assert spans is not None
            spans.export(calls)

    asyncio.run(work())


def test_a_call_is_a_tree_with_its_real_times(collector: Collector, caplog: pytest.LogCaptureFixture) -> None:
    timeline = [Attempt("n1", 0.02, 0.12, "connection refused"), Attempt("n2", 0.12, 1.5)]
    export(served(node="n2", attempts=2, timeline=timeline, load_seconds=0.1), url=collector.url)
    assert not caplog.records, "the SDK has nothing to complain about"
    (call,) = collector.named("gateway.call")
    assert not call.parent_span_id
    assert (call.start_time_unix_nano, call.end_time_unix_nano) == (1_700_000_000 * 10**9, 1_700_000_001_500_000_000)
    told = attributes(call)
    assert told["gen_ai.request.model"] == "smollm2:135m"
    assert told["gen_ai.usage.output_tokens"] == 12
    assert told["cluster_ai.node"] == "n2"
    assert told["http.response.status_code"] == 200
    assert collector.service == "cluster-ai-gateway"

    inner = {span.name for span in collector.spans if span.parent_span_id == call.span_id}
    assert inner == {"queue", "load", "attempt", "stream"}
    assert {span.trace_id for span in collector.spans} == {call.trace_id}
    (stream,) = collector.named("stream")
    assert stream.start_time_unix_nano == pytest.approx(call.start_time_unix_nano + 0.3e9, abs=1000)
    assert stream.end_time_unix_nano == call.end_time_unix_nano
    first, second = collector.named("attempt")
    assert (attributes(first)["cluster_ai.node"], first.status.message) == ("n1", "connection refused")
    assert (attributes(second)["cluster_ai.node"], second.status.message) == ("n2", "")


def test_the_callers_trace_goes_through_us_to_the_node(collector: Collector) -> None:
    passed = child_context(CALLER)
    export(served(traceparent=CALLER, passed_context=passed), url=collector.url)
    (call,) = collector.named("gateway.call")
    told = read_context(passed)
    assert told is not None
    assert call.trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert call.parent_span_id.hex() == "00f067aa0ba902b7"
    assert call.span_id.hex() == f"{told.span:016x}", "what the node records hangs below this span"
    assert len({span.span_id for span in collector.spans}) == len(collector.spans)


def test_a_trace_that_begins_here_has_the_ids_that_the_node_was_given(collector: Collector) -> None:
    passed = child_context("", begin=True)
    export(served(passed_context=passed), served(), url=collector.url)
    first, second = collector.named("gateway.call")
    assert f"00-{first.trace_id.hex()}-{first.span_id.hex()}-01" == passed
    assert not first.parent_span_id
    assert second.trace_id != first.trace_id


def test_a_caller_who_does_not_record_is_not_recorded(collector: Collector) -> None:
    export(served(traceparent=CALLER[:-2] + "00"), served(request_id="other"), url=collector.url)
    (call,) = collector.named("gateway.call")
    assert attributes(call)["cluster_ai.request_id"] == "other"


def test_failures_are_marked(collector: Collector) -> None:
    broken = served(outcome=Outcome.BROKEN, code="upstream_lost")
    gone = served(outcome=Outcome.CANCELLED, status=0, node="", ttft_seconds=None)
    refused = served(outcome=Outcome.REFUSED, status=503, code="no_node", node="", tried={"n1": "down"})
    export(broken, gone, refused, url=collector.url)
    told = {span.status.message: span.status.code for span in collector.named("gateway.call")}
    assert told == {"upstream_lost": 2, "": 0, "no_node": 2}
    assert [span.status.message for span in collector.named("attempt") if span.status.code] == ["down"]


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, False),
    ],
)
def test_the_standards_variables_switch_it_on(env: dict[str, str], *, wanted: bool) -> None:
    assert wants_spans(env) is wanted


def test_an_exporter_that_is_not_known_is_refused() -> None:
    with pytest.raises(Misconfigured, match="zipkin"):
        wants_spans({"OTEL_TRACES_EXPORTER": "zipkin"})


def test_a_collector_that_never_answers_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        began = time.monotonic()
        export(served(), url=url)
        assert time.monotonic() - began < 8
    # Refused now, the thread that was left behind ends; else it would live on among the next tests.
    for thread in threading.enumerate():
        if thread.name == "last spans":
            thread.join()
