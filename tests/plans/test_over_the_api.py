"""Plans and tickets over HTTP: who may do what, what is refused and how, and the workers' side with its tokens."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from jsonschema import Draft202012Validator

from cluster_ai.accounts import tables as accounts
from cluster_ai.accounts.types import User
from cluster_ai.core.principals import Role
from tests.backend.running import CHEAP, PASSWORD, Api, running_api

API = "/api/v1"
SAY = {"type": "EXECUTE", "parameters": {"argv": ["/bin/true"]}}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_api(tmp_path_factory.mktemp("plans") / "home") as api:
        for name, role in (("ana", Role.USER), ("bob", Role.USER), ("olga", Role.OPERATOR), ("vi", Role.VIEWER)):
            api.served.run(add_user(api, name, role))
        yield api


async def add_user(api: Api, name: str, role: Role) -> None:
    user = User(id=f"user-{name}", name=name, role=role, password_chosen=True)
    hashed = await CHEAP.hash(PASSWORD)
    async with api.plane.accounts._database.transaction() as connection:
        await accounts.add_user(connection, user, password_hash=hashed, now=0.0)


def of(api: Api, name: str) -> httpx2.Client:
    return api.client(Authorization=f"Bearer {api.token(username=name)}")


def submitted(client: httpx2.Client, *names: str, **more: Any) -> dict[str, Any]:
    tickets = [SAY | {"id": name} for name in names]
    answer = client.post(f"{API}/plans", json={"tickets": tickets} | more)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def leased(api: Api, ticket_id: str) -> str:
    """The token of a fresh lease, as a dispatcher gets it."""

    async def lease() -> str:
        found = await api.plane.work.queue.lease(ticket_id, "w1", api.plane.work.given.now(), 30.0)
        assert found is not None
        return found.token

    token: str = api.served.run(lease())
    return token


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_user_submits_and_sees_their_own(api: Api) -> None:
    with of(api, "ana") as ana, of(api, "bob") as bob, of(api, "olga") as olga, of(api, "vi") as vi:
        plan = submitted(ana, "a", "b", name="mine")
        plan_id, ticket_id = plan["plan"]["plan_id"], plan["ticket_ids"]["a"]
        assert plan["plan"]["owner"] == "ana"
        for path in (
            f"plans/{plan_id}",
            f"plans/{plan_id}/graph",
            f"tickets/{ticket_id}",
            f"tickets/{ticket_id}/history",
        ):
            assert ana.get(f"{API}/{path}").status_code == 200, path
            assert olga.get(f"{API}/{path}").status_code == 200, path
            assert bob.get(f"{API}/{path}").status_code == 404, path
            assert vi.get(f"{API}/{path}").status_code == 403, path
        assert [one["plan_id"] for one in bob.get(f"{API}/plans").json()["items"]] == []
        assert plan_id in [one["plan_id"] for one in olga.get(f"{API}/plans").json()["items"]]
        for path in (f"plans/{plan_id}/cancel", f"plans/{plan_id}/pause", f"tickets/{ticket_id}/cancel"):
            assert bob.post(f"{API}/{path}").status_code == 404
        assert vi.post(f"{API}/plans", json={"tickets": [SAY | {"id": "a"}]}).status_code == 403
        assert olga.post(f"{API}/plans/{plan_id}/cancel").json()["status"] == "cancelled"


def told_at(url: str) -> dict[str, Any]:
    return {"tickets": [SAY | {"id": "a"}, SAY | {"id": "b", "webhook_url": url}]}


def test_what_is_refused_says_where_and_why(api: Api) -> None:
    cycle = [SAY | {"id": "a", "depends_on": ["b"]}, SAY | {"id": "b", "depends_on": ["a"]}]
    cases = (
        ({"tickets": cycle}, "plan_cycle", "a -> b -> a"),
        ({"tickets": [SAY | {"id": "a", "depends_on": ["z"]}]}, "unknown_dependency", "depends on z"),
        ({"tickets": [SAY | {"id": "a"}] * 2}, "duplicate_ticket", "called a"),
        ({"tickets": [SAY | {"id": "a", "type": "PULL"}]}, "invalid_input", "PULL"),
        ({"tickets": [SAY | {"id": "a", "parameters": {"argv": 7}}]}, "invalid_input", "tickets.0.parameters.argv"),
        ({"tickets": [SAY | {"id": "a", "colour": "red"}]}, "invalid_input", "tickets.0.colour"),
        ({"tickets": [SAY | {"id": "a", "parameters": {"argv": ["a\x00b"]}}]}, "invalid_input", "NUL"),
        ({"tickets": [SAY | {"id": "a", "parameters": {"argv": ["x" * 300_000]}}]}, "invalid_input", "bytes"),
        ({"tickets": []}, "invalid_input", "tickets"),
        (told_at("http://192.168.1.1/hook?token=hunter2"), "target_refused", "tickets.1.webhook_url"),
        (told_at("http://localhost:8000/api/v1/keys"), "target_refused", "localhost"),
        (told_at("http://169.254.169.254/latest/meta-data"), "target_refused", "link-local"),
        (told_at("file:///etc/passwd"), "target_refused", "https://"),
        (told_at("http://u:p@example.org/"), "target_refused", "password"),
        (told_at("x"), "target_refused", "webhook_url"),
        ({"tickets": [SAY | {"id": "a"}], "deadline_s": -1.0}, "invalid_input", "deadline_s"),
    )
    with of(api, "ana") as ana:
        for body, code, words in cases:
            for path in ("plans", "plan-checks"):
                answer = ana.post(f"{API}/{path}", json=body)
                assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
                assert words in answer.text
                assert "hunter2" not in answer.text
        checked = ana.post(f"{API}/plan-checks", json={"tickets": [SAY | {"id": "a"}]})
        assert (checked.status_code, checked.json()["ready"]) == (200, ["a"])
        unknown = ana.post(f"{API}/plans", json=told_at("https://nobody.invalid/hook"))
        assert unknown.status_code == 201, "a name that nobody knows today may be known tomorrow"
        alone = ana.post(f"{API}/tickets", json=SAY | {"id": "a", "webhook_url": "http://[::1]/"})
        assert (alone.status_code, alone.json()["code"]) == (422, "target_refused")


def test_the_same_key_is_answered_with_the_first(api: Api) -> None:
    with of(api, "ana") as ana:
        body = {"tickets": [SAY | {"id": "a"}]}
        key = {"Idempotency-Key": "morning-run"}
        first = ana.post(f"{API}/plans", json=body, headers=key)
        again = ana.post(f"{API}/plans", json=body, headers=key)
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json()["ticket_ids"] == again.json()["ticket_ids"]
        other = ana.post(f"{API}/plans", json={"tickets": [SAY | {"id": "b"}]}, headers=key)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
        one = ana.post(f"{API}/tickets", json=SAY | {"id": "t"}, headers={"Idempotency-Key": "k2"})
        same = ana.post(f"{API}/tickets", json=SAY | {"id": "t"}, headers={"Idempotency-Key": "k2"})
        assert (one.status_code, same.status_code) == (201, 200)
        many = ana.post(f"{API}/ticket-batches", json={"tickets": [SAY | {"id": f"t{n}"} for n in range(3)]})
        assert (many.status_code, many.json()["plan"]["failure_policy"]) == (201, "CONTINUE")


def test_a_worker_reports_with_its_token_alone(api: Api) -> None:
    with of(api, "ana") as ana, api.client() as worker:
        plan = submitted(ana, "a", "other")
        ticket_id = plan["ticket_ids"]["a"]
        path = f"{API}/tickets/{ticket_id}"
        token = leased(api, ticket_id)
        for wrong in ({}, bearer("nonsense"), {"Authorization": "Basic x"}, bearer(api.token(username="ana"))):
            answer = worker.post(f"{path}/start", headers=wrong)
            assert (answer.status_code, answer.json()["code"]) == (401, "ticket_token"), answer.text
        other = worker.post(f"{API}/tickets/{plan['ticket_ids']['other']}/start", headers=bearer(token))
        assert (other.status_code, other.json()["code"]) == (403, "ticket_token_scope")
        begun = worker.post(f"{path}/start", headers=bearer(token)).json()
        assert not begun["cancel"]
        beat = worker.post(f"{path}/heartbeat", json={"progress": 0.5}, headers=bearer(begun["token"])).json()
        assert beat["lease_until"] >= begun["lease_until"]
        assert worker.post(f"{path}/progress", json={"progress": 7.0}, headers=bearer(token)).status_code == 422
        reading = ana.get(f"{path}/token").json()["token"]
        assert worker.get(f"{path}/self", headers=bearer(reading)).json()["progress"] == 0.5
        assert worker.post(f"{path}/complete", json={}, headers=bearer(reading)).status_code == 403
        report = {"value": {"answer": 42}}
        assert worker.post(f"{path}/complete", json=report, headers=bearer(token)).json() == {
            "dup": False,
            "status": "succeeded",
        }
        assert worker.post(f"{path}/complete", json=report, headers=bearer(token)).json()["dup"]
        late = worker.post(f"{path}/fail", json={}, headers=bearer(token))
        assert (late.status_code, late.json()["code"]) == (409, "stale_attempt")
        assert ana.get(f"{path}/result").json() == {"ticket_id": ticket_id, "value": {"answer": 42}}
        history = ana.get(f"{path}/history").json()
        assert history["intact"]
        assert [entry["type"] for entry in history["entries"]] == ["created", "leased", "started", "completed"]


def test_a_change_that_would_overlook_another_is_refused(api: Api) -> None:
    with of(api, "ana") as ana:
        ticket_id = submitted(ana, "a")["ticket_ids"]["a"]
        path = f"{API}/tickets/{ticket_id}"
        seen = ana.get(path).headers["ETag"]
        held = ana.patch(f"{path}/status", json={"status": "frozen"}, headers={"If-Match": seen})
        assert (held.status_code, held.json()["status"]) == (200, "frozen")
        late = ana.patch(f"{path}/status", json={"status": "cancelled"}, headers={"If-Match": seen})
        assert (late.status_code, late.json()["code"]) == (412, "changed_meanwhile")
        assert ana.patch(f"{path}/status", json={"status": "cancelled"}, headers={"If-Match": "7"}).status_code == 422
        loose = ana.patch(f"{path}/status", json={"status": "ready"}, headers={"If-Match": "*"})
        assert loose.json()["status"] == "ready"
        wrong = ana.patch(f"{path}/status", json={"status": "ready"})
        assert (wrong.status_code, wrong.json()["code"]) == (409, "illegal_transition")
        assert ana.patch(f"{path}/status", json={"status": "cancelled"}).json()["status"] == "cancelled"
        assert ana.post(f"{path}/retry").json()["status"] == "ready"


def test_lists_are_filtered_and_paged(api: Api) -> None:
    with of(api, "bob") as bob:
        plan = submitted(bob, *(f"t{number}" for number in range(7)), intent_id="intent-7")
        plan_id = plan["plan"]["plan_id"]
        names: list[str] = []
        cursor = ""
        while True:
            page = bob.get(f"{API}/plans/{plan_id}/tickets", params={"limit": 3, "cursor": cursor}).json()
            names += [ticket["task_id"] for ticket in page["items"]]
            if not (cursor := page["next"]):
                break
        assert names == [f"t{number}" for number in range(7)]
        assert len(bob.get(f"{API}/tickets", params={"intent_id": "intent-7"}).json()["items"]) == 7
        assert bob.get(f"{API}/tickets", params={"status": "running"}).json()["items"] == []
        assert bob.get(f"{API}/tickets", params={"status": "sleeping"}).status_code == 422
        assert bob.get(f"{API}/tickets", params={"plan_id": plan_id, "cursor": "abc"}).status_code == 422
        assert len(bob.get(f"{API}/tickets/by-plan/{plan_id}").json()["items"]) == 7
        found = bob.get(f"{API}/tickets", params={"text": " T3 "}).json()
        assert ([one["task_id"] for one in found["items"]], found["plan_names"][plan_id]) == (
            ["t3"],
            plan["plan"]["name"],
        )
        assert bob.get(f"{API}/tickets", params={"text": "a\x00"}).status_code == 422
        assert bob.get(f"{API}/tickets/counts", params={"plan_id": plan_id}).json() == {
            "items": {"ready": 7},
            "total": 7,
        }
        assert bob.get(f"{API}/tickets/counts").json()["total"] == 7, "one's own alone"
        assert bob.get(f"{API}/tickets/dead-letter").json()["items"] == []
        assert bob.post(f"{API}/tickets/dead-letter/revive", json={}).json() == {"ticket_ids": []}


def test_only_operators_say_that_work_mends(api: Api) -> None:
    def plan(said: str) -> dict[str, Any]:
        return {"tickets": [SAY | {"id": "a", "metadata": {"mending": said}}]}

    with of(api, "ana") as ana, of(api, "olga") as olga:
        for path in ("plans", "plan-checks"):
            refused = ana.post(f"{API}/{path}", json=plan("true"))
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden"), refused.text
            assert "mending" in refused.json()["detail"]
        assert ana.post(f"{API}/plans", json=plan("no")).status_code == 201
        assert olga.post(f"{API}/plans", json=plan("true")).status_code == 201


def test_only_operators_pause_a_kind_of_work(api: Api) -> None:
    with of(api, "ana") as ana, of(api, "olga") as olga:
        assert ana.put(f"{API}/tickets/paused-kinds/TEST").status_code == 403
        assert olga.put(f"{API}/tickets/paused-kinds/TEST").status_code == 204
        assert ana.get(f"{API}/tickets/paused-kinds").json() == {"items": {"TEST": "olga"}}
        assert olga.put(f"{API}/tickets/paused-kinds/NAPS").status_code == 422
        assert olga.delete(f"{API}/tickets/paused-kinds/TEST").status_code == 204


def test_other_programs_names_for_plans(api: Api) -> None:
    with of(api, "ana") as ana:
        plan_id = submitted(ana, "a", "b")["plan"]["plan_id"]
        path = f"{API}/workflows/{plan_id}"
        short = {"workflow_id": plan_id, "status": "submitted", "total": 2, "done": 0, "failed": 0}
        assert ana.get(path).json() == short
        assert ana.get(f"{path}/query/get_status").json() == short
        assert len(ana.get(f"{path}/query/get_tickets").json()["tickets"]) == 2
        assert ana.post(f"{path}/signal", json={"signal": "ticket_completed"}).json() == short
        gone = ana.post(f"{path}/signal", json={"signal": "cancel_workflow"}).json()
        assert (gone["status"], gone["done"]) == ("cancelled", 2)
        flow = ana.get(f"{API}/flow-c/status", params={"hours": 1}).json()
        assert flow["total_processed"] >= 1
        assert flow["active_executions"] >= 1
        again = ana.post(f"{API}/plans/{plan_id}/replay")
        assert (again.status_code, again.json()["plan"]["replay_of"]) == (201, plan_id)
        assert ana.get(f"{API}/plans/{plan_id}/verify").json() == {"tickets": 2}
        assert ana.delete(f"{API}/plans/{again.json()['plan']['plan_id']}").status_code == 409
        assert ana.delete(f"{API}/plans/{plan_id}").status_code == 204
        assert ana.get(path).status_code == 404


def test_what_is_published_describes_what_is_given(api: Api) -> None:
    with of(api, "ana") as ana:
        plan = submitted(ana, "a")
        ticket = ana.get(f"{API}/tickets/{plan['ticket_ids']['a']}").json()
        schema = ana.get(f"{API}/schemas/ticket.json").json()
        Draft202012Validator(schema).validate(ticket)
        with pytest.raises(Exception, match="is not"):
            Draft202012Validator(schema).validate(ticket | {"status": "asleep"})
        assert len(schema["properties"]) >= 35
        Draft202012Validator(ana.get(f"{API}/schemas/plan.json").json()).validate(plan["plan"])
        wanted = ana.get(f"{API}/schemas/new-plan.json").json()
        Draft202012Validator(wanted).validate({"tickets": [SAY | {"id": "a"}]})
        avro = ana.get(f"{API}/schemas/ticket.avsc").json()
        assert [field["name"] for field in avro["fields"]] == list(schema["properties"])
        states = next(field["type"] for field in avro["fields"] if field["name"] == "status")
        assert (states["type"], states["name"], len(states["symbols"])) == ("enum", "TicketState", 15)


def test_every_change_is_in_the_audit_log(api: Api) -> None:
    with of(api, "ana") as ana, api.local() as admin:
        plan_id = submitted(ana, "a", name="audited")["plan"]["plan_id"]
        ana.post(f"{API}/plans/{plan_id}/cancel")
        rows = admin.get(f"{API}/audit").json()["items"]
        deeds = [(row["actor"], row["action"], row["subject"], row["outcome"]) for row in rows]
        assert ("ana", "submit_plan", "audited", "done") in deeds
        assert ("ana", "cancel_plan", plan_id, "done") in deeds
