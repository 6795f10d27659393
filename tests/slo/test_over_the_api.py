"""Objectives over HTTP: every route, its order, and what is refused while something is frozen."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from cluster_ai.slo.types import SloSettings
from tests.backend.running import ALERTS, Api, running_api

V1 = "/api/v1"
NEVER = SloSettings(evaluate_seconds=600, count_seconds=60)
"""The loops hold still: tests tell when there is a round."""


@pytest.fixture
def api(url: str, tmp_path: Path) -> Iterator[Api]:
    with running_api(tmp_path / "home", url=url, slo=NEVER) as api:
        yield api


def body(slo_id: str = "chat", **more: Any) -> dict[str, Any]:
    return {"slo_id": slo_id, "name": slo_id, "target": 0.5, "window_days": 1, **more}


def rule(policy_id: str = "all", **more: Any) -> dict[str, Any]:
    fields = {
        "policy_id": policy_id, "name": policy_id, "scope": "SERVICE", "target": "gateway",
        "actions": ["BLOCK_PULL", "BLOCK_SCALE", "BLOCK_UPDATE"], "trigger_below": 0.1, "release_above": 0.4,
        "min_duration_s": 0,
    }  # fmt: skip
    return fields | more


def happened(api: Api, *, good: int = 0, bad: int = 0) -> None:
    """Calls in the gateway's log, counted and evaluated."""
    rows = [
        {
            "at": time.time(), "request_id": f"r{number}", "key_id": "", "caller": "", "model": "m", "answered_by": "m",
            "path": "/api/chat", "code": "", "node": "n1", "why": "", "stream": False, "priority": "normal",
            "outcome": "done" if number < good else "broken", "status": 200, "attempts": 1, "tried": {}, "resumed": 0,
            "queue_seconds": 0.0, "load_seconds": 0.0, "ttft_seconds": 0.1, "total_seconds": 0.2,
            "prompt_tokens": 1, "output_tokens": 1, "trace_id": "",
        }
        for number in range(good + bad)
    ]  # fmt: skip

    async def round_() -> None:
        room = api.plane.slo.room
        await room.count()
        await api.plane.rooms.requests.add(rows)
        # Twice: on PostgreSQL a log is read up to where it was at the look before.
        await room.count()
        await room.count()
        await room.evaluate()

    api.served.run(round_())


def test_an_objective_from_its_making_to_its_end(api: Api) -> None:
    with api.local() as client:
        made = client.post(f"{V1}/slos", json=body(target=0.9))
        assert made.status_code == 201, made.text
        assert made.json()["warnings"] == []
        slow = client.post(f"{V1}/slos", json=body("slow", target=0.9, window_days=30, service_name="x"))
        assert "can never fire" in slow.json()["warnings"][0]
        assert client.delete(f"{V1}/slos/slow").status_code == 204
        again = client.post(f"{V1}/slos", json=body())
        assert (again.status_code, again.json()["code"]) == (409, "slo_exists")
        assert [row["slo_id"] for row in client.get(f"{V1}/slos").json()["items"]] == ["chat"]
        happened(api, good=3, bad=1)
        budget = client.get(f"{V1}/budgets/chat").json()
        assert (budget["status"], budget["sli_value"]) == ("EXHAUSTED", 0.75)
        assert budget["remaining"] == pytest.approx(-1.5)
        burn = client.get(f"{V1}/budgets/chat/burn-rate", params={"window_hours": 6}).json()
        assert (burn["good"], burn["valid"], burn["burn_rate"]) == (3, 4, 2.5)
        assert client.get(f"{V1}/budgets/summary").json()["by_status"] == {"EXHAUSTED": 1}
        assert client.post(f"{V1}/budgets/chat/recalculate").json()["remaining"] == budget["remaining"]
        history = client.get(f"{V1}/budgets/chat/history").json()["items"]
        assert [row["status"] for row in history] == ["EXHAUSTED", "NO_DATA"]
        assert client.post(f"{V1}/slos/chat/test").json()["valid"] == 4
        changed = client.put(f"{V1}/slos/chat", json={"name": "Chat", "target": 0.5, "window_days": 1})
        assert changed.status_code == 200, changed.text
        assert client.get(f"{V1}/budgets/chat").json()["remaining"] == 0.5
        rules = yaml.safe_load(client.get(f"{V1}/slos/chat/rules").text)
        assert rules["groups"][0]["name"] == "cluster-ai-slo-chat"
        assert yaml.safe_load(client.get(f"{V1}/slos/rules").text) == rules
        assert client.delete(f"{V1}/slos/chat").status_code == 204
        gone = client.get(f"{V1}/slos/chat")
        assert (gone.status_code, gone.json()["code"]) == (404, "slo_not_found")
        assert client.get(f"{V1}/budgets").json()["items"] == []


def test_lists_come_in_pages_and_through_filters(api: Api) -> None:
    with api.local() as client:
        for number in range(5):
            more = {"service_name": "api", "sli_query": {"source": "api"}} if number % 2 else {}
            assert client.post(f"{V1}/slos", json=body(f"s{number}", **more)).status_code == 201
        page = client.get(f"{V1}/slos", params={"limit": 2}).json()
        assert [row["slo_id"] for row in page["items"]] == ["s0", "s1"]
        rest = client.get(f"{V1}/slos", params={"limit": 10, "cursor": page["next"]}).json()
        assert ([row["slo_id"] for row in rest["items"]], rest["next"]) == (["s2", "s3", "s4"], None)
        of_api = client.get(f"{V1}/slos", params={"service_name": "api"}).json()["items"]
        assert [row["slo_id"] for row in of_api] == ["s1", "s3"]
        assert client.get(f"{V1}/slos", params={"enabled": "false"}).json()["items"] == []
        assert client.get(f"{V1}/slos", params={"slo_type": "NONSENSE"}).status_code == 422


def test_texts_go_in_and_come_out(api: Api) -> None:
    with api.local() as client:
        client.post(f"{V1}/slos", json=body())
        client.post(f"{V1}/policies", json=rule())
        text = client.get(f"{V1}/slos/export").text
        for path in ("slos/chat", "policies/all"):
            assert client.delete(f"{V1}/{path}").status_code == 204
        back = client.post(f"{V1}/slos/import/openslo", json={"yaml": text})
        assert back.status_code == 201, back.text
        assert [row["slo_id"] for row in back.json()["objectives"]] == ["chat"]
        assert back.json()["policies"] == ["all"]
        assert client.get(f"{V1}/slos/export").text == text
        wrong = client.post(f"{V1}/slos/import/openslo", json={"yaml": "kind: SLO"})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_input")
        alerts = "groups: [{rules: [{alert: Errs, expr: 'sum(rate(a[5m])) / sum(rate(b[5m])) > 0.02'}]}]"
        taken = client.post(f"{V1}/slos/import/alerts", json={"yaml": alerts}).json()
        assert taken["objectives"][0]["objective"]["target"] == 0.98
        tried = client.post(f"{V1}/slos/errs/test")
        assert (tried.status_code, tried.json()["code"]) == (409, "no_prometheus")


def test_what_is_frozen_is_refused_and_recovers(api: Api) -> None:
    with api.local() as client:
        client.post(f"{V1}/slos", json=body())
        client.post(f"{V1}/policies", json=rule())
        assert client.get(f"{V1}/policies/freezes/active").json()["items"] == []
        happened(api, bad=5)
        [freeze] = client.get(f"{V1}/policies/freezes/active").json()["items"]
        for method, path, sent in (
            ("POST", "/models/tiny:1b/pull", None),
            ("POST", f"{V1}/models/tiny:1b/pull", None),
            ("DELETE", f"{V1}/models/smollm2:135m", None),
            ("POST", f"{V1}/models/smollm2:135m/copy", {"name": "other"}),
            ("POST", f"{V1}/pulls", {"model": "smollm2:135m"}),
        ):
            refused = client.request(method, path, json=sent)
            assert (refused.status_code, refused.json()["code"]) == (409, "frozen"), (method, path, refused.text)
            assert refused.json()["values"]["freeze"] == freeze["event_id"]
            assert "error budget" in refused.json()["detail"]
        # The service that is frozen is the gateway's: Dask's workers may go.
        assert client.put(f"{V1}/workers", json={"count": 0}).status_code == 202
        audit = client.get(f"{V1}/audit").json()["items"]
        assert {row["outcome"] for row in audit if row["action"] == "delete_model"} == {"frozen"}
        happened(api, good=50)
        assert client.get(f"{V1}/policies/freezes/active").json()["items"] == []
        assert client.delete(f"{V1}/models/smollm2:135m").status_code == 200
        [past] = client.get(f"{V1}/policies/freezes/history").json()["items"]
        assert (past["resolution"], past["active"]) == ("auto", False)
        assert past["slo_id"] == "chat"


def test_workers_are_not_taken_away_under_a_freeze(api: Api) -> None:
    with api.local() as client:
        client.post(f"{V1}/slos", json=body())
        client.post(f"{V1}/policies", json=rule(scope="GLOBAL", target=""))
        happened(api, bad=5)
        down = client.put(f"{V1}/workers", json={"count": 0})
        assert (down.status_code, down.json()["code"]) == (409, "frozen")
        assert client.put(f"{V1}/workers", json={"count": 2}).status_code == 202, "up is let through"
        assert client.post(f"{V1}/workers", json={"count": 1}).status_code == 202


def test_a_freeze_is_ended_by_hand_or_lifted_for_a_while(api: Api) -> None:
    with api.local() as client:
        client.post(f"{V1}/slos", json=body())
        client.post(f"{V1}/policies", json=rule(min_duration_s=900))
        happened(api, bad=5)
        [freeze] = client.get(f"{V1}/policies/freezes/active").json()["items"]
        path = f"{V1}/policies/freezes/{freeze['event_id']}"
        assert client.post(f"{path}/override", json={"minutes": 5}).status_code == 422, "a reason is needed"
        lifted = client.post(f"{path}/override", json={"minutes": 5, "reason": "hotfix of a model"})
        assert lifted.json()["overrides"][0]["in_force"] is True
        assert client.delete(f"{V1}/models/smollm2:135m").status_code == 200
        ended = client.post(f"{path}/resolve", json={"reason": "it was a test"})
        assert (ended.status_code, ended.json()["resolution"], ended.json()["resolved_by"]) == (200, "manual", "local")
        happened(api, bad=1)
        assert client.get(f"{V1}/policies/freezes/active").json()["items"] == [], "it is held off"
        again = client.post(f"{path}/resolve", json={"reason": "once more"})
        assert (again.status_code, again.json()["code"]) == (409, "freeze_over")
        audit = [row["action"] for row in client.get(f"{V1}/audit").json()["items"]]
        assert {"override_freeze", "resolve_freeze"} <= set(audit)


def test_one_person_does_not_lift_a_freeze_of_the_whole_cluster(api: Api) -> None:
    with api.local() as client, api.client(Authorization=f"Bearer {api.token()}") as admin:
        client.post(f"{V1}/slos", json=body())
        client.post(f"{V1}/policies", json=rule(scope="GLOBAL", target=""))
        happened(api, bad=5)
        [freeze] = client.get(f"{V1}/policies/freezes/active").json()["items"]
        path = f"{V1}/policies/freezes/{freeze['event_id']}"
        refused = client.post(f"{path}/resolve", json={"reason": "because"})
        assert (refused.status_code, refused.json()["code"]) == (403, "two_persons")
        # Neither by taking away what it rests on.
        for method, what in (("DELETE", "slos/chat"), ("DELETE", "policies/all")):
            held = client.request(method, f"{V1}/{what}")
            assert (held.status_code, held.json()["code"]) == (409, "held_by_freeze")
        off = client.put(
            f"{V1}/policies/all", json=rule(scope="GLOBAL", target="", enabled=False) | {"policy_id": None}
        )
        assert off.status_code in {409, 422}
        asked = client.post(f"{path}/override", json={"reason": "a fix", "minutes": 5}).json()
        [override] = asked["overrides"]
        assert override["in_force"] is False
        assert client.delete(f"{V1}/models/smollm2:135m").status_code == 409
        same = client.post(f"{path}/override/{override['override_id']}/approve")
        assert (same.status_code, same.json()["code"]) == (403, "two_persons")
        agreed = admin.post(f"{path}/override/{override['override_id']}/approve")
        assert agreed.status_code == 200, agreed.text
        assert agreed.json()["overrides"][0]["approved_by"] == "admin"
        assert client.delete(f"{V1}/models/smollm2:135m").status_code == 200


def test_words_in_paths_are_not_taken_for_ids(api: Api) -> None:
    with api.local() as client:
        for path in (
            "budgets/summary",
            "policies/freezes/active",
            "policies/freezes/history",
            "slos/export",
            "slos/rules",
        ):
            assert client.get(f"{V1}/{path}").status_code == 200, path
        assert client.get(f"{V1}/policies/nobody").json()["code"] == "policy_not_found"
        assert (
            client.post(f"{V1}/policies/freezes/0/resolve", json={"reason": "why not"}).json()["code"]
            == "freeze_not_found"
        )


# -- an Alertmanager


def notification(**more: Any) -> dict[str, Any]:
    alert = {
        "status": "firing", "labels": {"alertname": "SLOBurnPage", "slo": "chat", "severity": "page"},
        "annotations": {}, "startsAt": "2026-01-02T03:04:05.123456789Z", "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://p/graph", "fingerprint": "0123456789abcdef", "something": "new",
    }  # fmt: skip
    whole = {
        "version": "4", "groupKey": "{}", "truncatedAlerts": 0, "status": "firing", "receiver": "cluster-ai",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "http://a", "alerts": [alert],
    }  # fmt: skip
    return whole | more


def post(client: httpx2.Client, sent: Any, token: str = ALERTS) -> httpx2.Response:
    return client.post("/webhooks/alertmanager", json=sent, headers={"Authorization": f"Bearer {token}"})


def test_alerts_come_in_once(api: Api) -> None:
    with api.client() as client:
        assert post(client, notification()).json() == {"received": 1}
        again = post(client, notification())
        assert (again.status_code, again.json()) == (202, {"received": 0})
        ended = notification()
        ended["alerts"][0]["status"] = "resolved"
        assert post(client, ended).json() == {"received": 1}


def test_strangers_and_other_versions_bring_nothing(api: Api) -> None:
    with api.client() as client:
        for token in ("wrong", ALERTS + "x", "\u00e9", ALERTS[:-1]):
            shown = {"Authorization": f"Bearer {token}".encode()}
            answer = client.post("/webhooks/alertmanager", json=notification(), headers=shown)
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), token
        assert client.post("/webhooks/alertmanager", json=notification()).status_code == 401
        other = post(client, notification(version="5"))
        assert (other.status_code, other.json()["code"]) == (400, "malformed_body")
        assert post(client, {"version": "4", "alerts": [{"status": "?"}]}).status_code == 422


def test_a_page_of_somebody_elses_weighs_as_much_as_the_fastest_pace(api: Api) -> None:
    with api.local() as client:
        client.post(f"{V1}/slos", json=body())
        client.post(f"{V1}/policies", json=rule(trigger_pace="CRITICAL", trigger_below=-900, release_above=0.1))
        happened(api, good=9)
        assert client.get(f"{V1}/policies/freezes/active").json()["items"] == []
        post(client, notification())
        happened(api, good=1)
        assert len(client.get(f"{V1}/policies/freezes/active").json()["items"]) == 1
        ended = notification()
        ended["alerts"][0]["status"] = "resolved"
        post(client, ended)
        happened(api, good=1)
        assert client.get(f"{V1}/policies/freezes/active").json()["items"] == []


def test_silences_need_an_alertmanager(api: Api) -> None:
    with api.local() as client:
        answer = client.get(f"{V1}/silences")
        assert (answer.status_code, answer.json()["code"]) == (409, "no_alertmanager")


def test_metrics_tell_what_is_left(api: Api) -> None:
    with api.local() as client:
        client.post(f"{V1}/slos", json=body())
        client.post(f"{V1}/policies", json=rule())
        happened(api, bad=5)
        text = client.get("/metrics").text
        for line in (
            'sla_budget_remaining_percent{service_name="gateway",slo_id="chat"} -100.0',
            'sla_budget_status{service_name="gateway",slo_id="chat"} 3.0',
            'sla_burn_rate{service_name="gateway",slo_id="chat",window_hours="1"} 2.0',
            'sla_freezes_active{scope="SERVICE",service_name="gateway"} 1.0',
            'sla_events_total{slo_id="chat",verdict="bad"} 5.0',
            'sla_slos_total{enabled="true",slo_type="AVAILABILITY"} 1.0',
        ):
            assert line in text, line
