"""The API's requests as spans at a real collector, and the trace context on its way to the gateway."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from cluster_ai.core.exporting import Exporter, make_exporter
from cluster_ai.core.tracing import Tracing
from tests.backend.running import Api, running_api
from tests.gateway.observing.collector import Collector, attributes, collecting
from tests.waiting import until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = f"00-{TRACE}-00f067aa0ba902b7-01"
CHAT = {"model": "smollm2:135m", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture
def exporter() -> Exporter:
    return make_exporter(service="cluster-ai-backend")


@pytest.fixture
def traced(tmp_path_factory: pytest.TempPathFactory, collector: Collector, exporter: Exporter) -> Iterator[Api]:
    exporter.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{collector.url}/v1/traces")))
    with running_api(tmp_path_factory.mktemp("traced") / "home", tracing=Tracing(exporter)) as api:
        yield api
    exporter.provider.shutdown()


def sent(exporter: Exporter, collector: Collector, name: str) -> list[Any]:
    """Spans of that name; a client has its answer a moment before the request is over."""
    return until(lambda: exporter.provider.force_flush() and collector.named(name), what=name)


def test_a_request_is_a_span_by_its_route(traced: Api, collector: Collector, exporter: Exporter) -> None:
    with traced.local() as client:
        answer = client.get("/api/v1/nodes/nobody", headers={"traceparent": CALLER})
        client.get("/api/v1/never-heard-of/7")
        client.get("/health")
    (span,) = sent(exporter, collector, "GET /api/v1/nodes/{name}")
    assert span.trace_id.hex() == TRACE
    assert span.parent_span_id.hex() == "00f067aa0ba902b7"
    assert attributes(span) == {
        "http.request.method": "GET",
        "http.route": "/api/v1/nodes/{name}",
        "http.response.status_code": 404,
        "cluster_ai.request_id": answer.headers["x-request-id"],
    }
    assert span.status.code == 0, "that somebody asked wrongly is no error of ours"
    assert span.kind == 2
    assert collector.service == "cluster-ai-backend"
    assert collector.named("GET unmatched")
    assert not [one for one in collector.spans if "health" in one.name]


def test_the_gateway_is_told_the_requests_own_place(traced: Api, collector: Collector, exporter: Exporter) -> None:
    with traced.local() as client:
        assert client.post("/api/v1/chat", json=CHAT, headers={"traceparent": CALLER}).status_code == 200
    told = traced.world.requests[-1]["headers"]["traceparent"]
    (span,) = sent(exporter, collector, "POST /api/v1/chat")
    assert told == f"00-{TRACE}-{span.span_id.hex()}-01"


def test_an_error_of_ours_is_one(traced: Api, collector: Collector, exporter: Exporter) -> None:
    traced.world.gateway_status = 500
    with traced.local() as client:
        assert client.get("/api/v1/gateway/decisions/r-7").status_code == 503
    (span,) = sent(exporter, collector, "GET /api/v1/gateway/decisions/{request_id}")
    assert (span.status.code, span.status.message) == (2, "HTTP 503")


@pytest.mark.parametrize(("sent", "passed"), [(CALLER, CALLER), ("nonsense", None), (None, None)])
def test_without_spans_the_callers_context_goes_on_as_it_came(api: Api, sent: str | None, passed: str | None) -> None:
    with api.local() as client:
        headers = {} if sent is None else {"traceparent": sent}
        assert client.post("/api/v1/chat", json=CHAT, headers=headers).status_code == 200
    assert api.world.requests[-1]["headers"].get("traceparent") == passed
