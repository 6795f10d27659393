"""What the API tells of the gateway's calls: why they went where they went, and what became of them."""

import pytest

from backend.policy import allows, rule_of
from cluster_ai.core.principals import Role
from cluster_ai.gateway.types import CandidateView, DecisionView
from cluster_ai.gateway.watching.logged import row_of
from tests.backend.running import Api
from tests.gateway.observing.calls import served

BEST = CandidateView(name="n1", why="resident, 0 in flight", score={"queue": 0.0, "prefill": 0.4})
OTHER = CandidateView(name="n2", why="cold", score={"queue": 0.0, "load": 8.0, "prefill": 0.3})


def decision(request_id: str) -> DecisionView:
    return DecisionView(
        request_id=request_id, age_seconds=1.0, model="m", node="n1", candidates=(BEST, OTHER), tried={"n0": "refused"}
    )


@pytest.fixture
def told(api: Api) -> Api:
    rows = tuple(decision(f"r-{number}") for number in range(40))
    api.world.gateway = api.world.gateway.model_copy(update={"decisions": rows})
    return api


def test_the_last_decisions_newest_first(told: Api) -> None:
    with told.local() as client:
        items = client.get("/api/v1/gateway/decisions").json()["items"]
        assert [row["request_id"] for row in items][:2] == ["r-39", "r-38"]
        assert len(items) == 32
        assert len(client.get("/api/v1/gateway/decisions?limit=3").json()["items"]) == 3
        assert client.get("/api/v1/gateway/decisions?limit=0").status_code == 422


def test_one_decision_with_every_candidates_score_by_part(told: Api) -> None:
    with told.local() as client:
        answer = client.get("/api/v1/gateway/decisions/r-7")
    assert answer.status_code == 200
    found = DecisionView.model_validate_json(answer.content)
    assert found.candidates == (BEST, OTHER)
    assert found.tried == {"n0": "refused"}


def test_a_decision_that_is_forgotten_says_so(told: Api) -> None:
    with told.local() as client:
        answer = client.get("/api/v1/gateway/decisions/long-ago")
    assert answer.status_code == 404
    assert answer.json()["code"] == "decision_forgotten"
    assert "keeps its last decisions" in answer.json()["detail"]


@pytest.mark.parametrize("name", ["a b", "x" * 65, "a%00b", "..%2F..%2Fstate", "a%0d%0ab"])
def test_an_id_that_is_none_is_refused(told: Api, name: str) -> None:
    with told.local() as client:
        for kind in ("decisions", "requests"):
            assert client.get(f"/api/v1/gateway/{kind}/{name}").status_code in {404, 422}


def test_without_the_gateway(told: Api) -> None:
    told.world.gateway_status = 500
    with told.local() as client:
        answer = client.get("/api/v1/gateway/decisions/r-7")
    assert answer.status_code == 503
    assert answer.json()["code"] == "unavailable"


def test_requests_in_pages_and_one_by_one(api: Api) -> None:
    calls = [served(request_id=f"q-{number}", node=f"n{number % 3}") for number in range(12)]
    calls += [served(request_id="of-bob", key_id="key-bob", model="fast", code="no_node", node="")]
    api.served.run(api.plane.rooms.requests.add([row_of(call) for call in calls]))
    with api.local() as client:
        page = client.get("/api/v1/gateway/requests?limit=5").json()
        assert [row["request_id"] for row in page["items"]] == ["of-bob", "q-11", "q-10", "q-9", "q-8"]
        after = client.get(f"/api/v1/gateway/requests?limit=5&before={page['next']}").json()
        assert after["items"][0]["request_id"] == "q-7"
        for query, count in (("node=n0", 4), ("key=key-bob", 1), ("model=fast", 1), ("outcome=broken", 0)):
            assert len(client.get(f"/api/v1/gateway/requests?{query}").json()["items"]) == count, query
        assert client.get("/api/v1/gateway/requests?outcome=strange").status_code == 422
        one = client.get("/api/v1/gateway/requests/of-bob").json()
        assert (one["key_id"], one["code"], one["total_seconds"]) == ("key-bob", "no_node", 1.5)
        assert client.get("/api/v1/gateway/requests/nobody").status_code == 404


def test_a_filter_is_a_value_and_no_sql(api: Api) -> None:
    with api.local() as client:
        for text in ("' OR 1=1 --", "%", "_", '"; DROP TABLE gateway_requests; --'):
            assert client.get("/api/v1/gateway/requests", params={"model": text}).json()["items"] == []
        assert client.get("/api/v1/gateway/requests").status_code == 200


def test_who_called_is_for_operators() -> None:
    rule = rule_of("GET", "/api/v1/gateway/requests")
    assert rule is not None
    assert not allows(rule, role=Role.USER, scopes=frozenset())
    assert allows(rule, role=Role.OPERATOR, scopes=frozenset())
