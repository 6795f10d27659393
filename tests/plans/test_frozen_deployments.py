"""A deployment under a freeze of a real objective: held with the reason, and done by itself once that is lifted."""

import contextlib
import json
import urllib.error
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from benchmarks.rig import plans
from benchmarks.rig.work import Cluster, cluster
from tests.ports import free_base
from tests.waiting import until

pytestmark = pytest.mark.real
V1 = "/api/v1"
OBJECTIVE = {
    "slo_id": "work", "name": "work", "target": 0.5, "window_days": 1, "service_name": "tickets",
    "sli_query": {"source": "tickets"},
}  # fmt: skip
POLICY = {
    "policy_id": "careful", "name": "careful", "scope": "SERVICE", "target": "tickets", "actions": ["BLOCK_DEPLOY"],
    "trigger_below": 0.1, "release_above": 0.2, "min_duration_s": 0,
}  # fmt: skip


@dataclass
class House:
    cluster: Cluster

    def call(self, method: str, path: str, body: object = None) -> Any:
        return self.cluster.call(method, V1 + path, body)

    def waits(self, name: str) -> tuple[str, str]:
        """A deployment that was accepted, and waits for somebody to let its plan go: plan and ticket."""
        accepted = plans.submit(self.cluster, {"tickets": [self.release(name)], "paused": True}, key=name)
        return accepted["plan"]["plan_id"], accepted["ticket_ids"][name]

    def release(self, name: str) -> dict[str, Any]:
        files = [{"path": "index.html", "text": name}]
        site = self.cluster.home / "srv" / name
        return {"id": name, "type": "DEPLOY", "parameters": {"files": files, "to": str(site)}}

    def shown(self, name: str) -> str:
        with contextlib.suppress(FileNotFoundError):
            return (self.cluster.home / "srv" / name / "current" / "index.html").read_text()
        return ""

    def does(self, count: int, line: str, key: str) -> None:
        """Tickets that end as ``line`` does."""
        parameters = {"argv": ["/bin/sh", "-c", line], "trusted": True}
        tickets = [{"id": f"t{n}", "type": "EXECUTE", "parameters": parameters} for n in range(count)]
        body = {"tickets": tickets, "failure_policy": "CONTINUE"}
        plan_id = plans.submit(self.cluster, body, key=key)["plan"]["plan_id"]
        until(lambda: plans.ended(self.cluster, plan_id), seconds=120, what="the tickets end")

    def freezes(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", "/policies/freezes/active")["items"]
        return found

    def frozen(self) -> dict[str, Any]:
        [freeze] = until(self.freezes, seconds=60, what="the objective's budget is used up, and freezes")
        return freeze

    def ticket(self, ticket_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/tickets/{ticket_id}")
        return found

    def becomes(self, ticket_id: str, status: str) -> dict[str, Any]:
        return until(
            lambda: (found := self.ticket(ticket_id))["status"] == status and found, seconds=60, what=f"it is {status}"
        )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    home = tmp_path_factory.mktemp("frozen")
    settings = {
        "CLUSTER_AI_EXECUTORS__SANDBOX": "none",
        "CLUSTER_AI_EXECUTORS__TRUSTED_KINDS": '["EXECUTE", "DEPLOY"]',
        "CLUSTER_AI_EXECUTORS__DEPLOY_FOLDERS": json.dumps([str(home)]),
        "CLUSTER_AI_SLO__EVALUATE_SECONDS": "0.5",
        "CLUSTER_AI_SLO__COUNT_SECONDS": "0.5",
    }
    with cluster(home, free_base(), settings=settings) as running:
        house = House(running)
        house.call("POST", "/slos", OBJECTIVE)
        house.call("POST", "/policies", POLICY)
        # What counts is known from the first evaluation on; tickets before that are nobody's.
        until(lambda: house.call("GET", "/budgets")["items"], seconds=60, what="the objective is watched")
        yield house


@pytest.mark.timeout(400)
def test_held_by_a_freeze_and_let_through_overridden_resolved_or_recovered(house: House) -> None:
    waiting = {name: house.waits(name) for name in ("overridden", "resolved", "recovered")}
    house.does(6, "exit 1", "bad")
    freeze = house.frozen()
    refused = json.dumps({"tickets": [house.release("late")]})
    with pytest.raises(urllib.error.HTTPError) as answer:
        house.call("POST", "/plans", json.loads(refused))
    assert (answer.value.code, json.loads(answer.value.read())["code"]) == (409, "frozen")

    def held(name: str) -> str:
        plan_id, ticket_id = waiting[name]
        house.call("POST", f"/plans/{plan_id}/resume")
        ticket = house.becomes(ticket_id, "frozen")
        assert ticket["error_code"] == "frozen"
        assert "of its error budget left" in ticket["error_message"]
        entry = house.call("GET", f"/tickets/{ticket_id}/history")["entries"][-1]
        assert (entry["data"]["freeze"], entry["data"]["slo"]) == (house.frozen()["event_id"], "work")
        assert house.shown(name) == ""
        return ticket_id

    first = held("overridden")
    # Others go on.
    house.does(1, "true", "other")
    body = {"reason": "a hotfix", "minutes": 5}
    house.call("POST", f"/policies/freezes/{freeze['event_id']}/override", body)
    done = house.becomes(first, "succeeded")
    assert (done["error_code"], house.shown("overridden")) == ("", "overridden")

    house.call("POST", f"/policies/freezes/{freeze['event_id']}/resolve", {"reason": "start again"})
    # A freeze that was ended by hand holds a new one off; another policy has no such past.
    house.call("DELETE", "/policies/careful")
    house.call("POST", "/policies", POLICY | {"policy_id": "again", "name": "again"})
    second = held("resolved")
    house.call("POST", f"/policies/freezes/{house.frozen()['event_id']}/resolve", {"reason": "looked at it"})
    house.becomes(second, "succeeded")
    assert house.shown("resolved") == "resolved"

    house.call("DELETE", "/policies/again")
    house.call("POST", "/policies", POLICY | {"policy_id": "third", "name": "third"})
    third = held("recovered")
    house.does(30, "true", "good")
    house.becomes(third, "succeeded")
    assert (house.shown("recovered"), house.freezes()) == ("recovered", [])
    [past] = [
        one for one in house.call("GET", "/policies/freezes/history")["items"] if one["policy_id"] == "third"
    ]  # fmt: skip
    assert past["resolution"] == "auto"
