"""Every attempt at a ticket is a span at a real collector, below the request that brought its plan."""

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

V1 = "/api/v1"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = f"00-{TRACE}-00f067aa0ba902b7-01"
NAME = "ticket.attempt"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture
def exporter(collector: Collector) -> Iterator[Exporter]:
    exporter = make_exporter(service="cluster-ai-backend")
    exporter.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{collector.url}/v1/traces")))
    yield exporter
    exporter.provider.shutdown()


@pytest.fixture
def api(tmp_path_factory: pytest.TempPathFactory, exporter: Exporter) -> Iterator[Api]:
    home = tmp_path_factory.mktemp("spans") / "home"
    with running_api(home, tracing=Tracing(exporter), dispatching=True) as api:
        yield api


def submitted(api: Api, kind: str, headers: dict[str, str]) -> dict[str, Any]:
    made = {"argv": ["/bin/true"]} | ({"artefacts": ["out"]} if kind == "BUILD" else {})
    ticket = {"id": "a", "type": kind, "parameters": made}
    with api.local() as client:
        answer = client.post(f"{V1}/plans", json={"tickets": [ticket]}, headers=headers)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def attempted(api: Api, ticket_id: str, verb: str, report: dict[str, Any]) -> None:
    """One attempt, as a worker makes it."""
    room = api.plane.work

    async def lease() -> str:
        await room.reaper.reap(room.given.now() + 3600)
        found = await room.queue.lease(ticket_id, "box-0", room.given.now(), 30.0)
        assert found is not None
        return found.token

    headers = {"Authorization": f"Bearer {api.served.run(lease())}"}
    with api.client() as worker:
        assert worker.post(f"{V1}/tickets/{ticket_id}/start", headers=headers).status_code == 200
        assert worker.post(f"{V1}/tickets/{ticket_id}/{verb}", json=report, headers=headers).status_code == 200


def sent(exporter: Exporter, collector: Collector, name: str, count: int) -> list[Any]:
    def found() -> list[Any]:
        exporter.provider.force_flush()
        spans = collector.named(name)
        return sorted(spans, key=lambda span: span.start_time_unix_nano) if len(spans) >= count else []

    return until(found, what=f"{count} of {name}")


def test_each_attempt_hangs_below_the_request_that_brought_its_plan(
    api: Api, exporter: Exporter, collector: Collector
) -> None:
    accepted = submitted(api, "BUILD", {"traceparent": CALLER})
    ticket_id, plan = accepted["ticket_ids"]["a"], accepted["plan"]
    assert plan["trace_id"] == TRACE, "who looks at the plan finds its trace"
    attempted(api, ticket_id, "fail", {"code": "exit_nonzero", "error": "it broke"})
    attempted(api, ticket_id, "complete", {"value": 1})
    first, second = sent(exporter, collector, NAME, 2)
    [request] = sent(exporter, collector, f"POST {V1}/plans", 1)
    known = {
        "cluster_ai.plan": plan["plan_id"], "cluster_ai.ticket": ticket_id, "cluster_ai.kind": "BUILD",
        "cluster_ai.worker": "box-0",
    }  # fmt: skip
    failed = {"cluster_ai.attempt": 1, "cluster_ai.outcome": "failed", "cluster_ai.error_code": "exit_nonzero"}
    assert attributes(first) == known | failed
    assert (first.status.code, first.status.message) == (2, "exit_nonzero")
    assert attributes(second) == known | {"cluster_ai.attempt": 2, "cluster_ai.outcome": "succeeded"}
    assert second.status.code == 0
    for span in (first, second):
        assert span.trace_id.hex() == TRACE
        assert span.parent_span_id == request.span_id
        assert span.end_time_unix_nano >= span.start_time_unix_nano > request.start_time_unix_nano
    # What happens to the ticket later is no other attempt.
    with api.local() as client:
        client.post(f"{V1}/plans/{plan['plan_id']}/replay")
    assert len(sent(exporter, collector, NAME, 2)) == 2


def test_a_ticket_that_is_cancelled_between_two_attempts_has_one_span(
    api: Api, exporter: Exporter, collector: Collector
) -> None:
    accepted = submitted(api, "BUILD", {})
    ticket_id = accepted["ticket_ids"]["a"]
    attempted(api, ticket_id, "fail", {"code": "exit_nonzero", "error": "", "retry_after": 600})
    with api.local() as client:
        assert client.post(f"{V1}/tickets/{ticket_id}/cancel").json()["status"] == "cancelled"
    other = submitted(api, "EXECUTE", {})["ticket_ids"]["a"]
    attempted(api, other, "complete", {"value": None})
    spans = sent(exporter, collector, NAME, 2)
    assert [attributes(one)["cluster_ai.ticket"] for one in spans] == [ticket_id, other]
    [one, two] = sent(exporter, collector, f"POST {V1}/plans", 2)
    assert [span.parent_span_id for span in spans] == [one.span_id, two.span_id]


def test_nothing_is_made_where_nobody_asked_for_traces(
    tmp_path_factory: pytest.TempPathFactory, collector: Collector
) -> None:
    with running_api(tmp_path_factory.mktemp("untraced") / "home", dispatching=True) as api:
        accepted = submitted(api, "EXECUTE", {"traceparent": CALLER})
        assert accepted["plan"]["trace_id"] == ""
        attempted(api, accepted["ticket_ids"]["a"], "complete", {"value": None})
    assert collector.spans == []
