"""Webhooks over HTTP: who may, what is refused, what is recorded and counted."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from backend.notify_room import NotifyConfig
from cluster_ai.core import outbox
from cluster_ai.core.events import Event
from cluster_ai.core.ids import new_id
from cluster_ai.core.paths import read_secret
from cluster_ai.core.principals import Role
from cluster_ai.notify.signing import Claims, key_of, signed, verify
from cluster_ai.notify.types import NotifySettings
from tests.backend.running import Api, running_api
from tests.keys.test_keys_over_the_api import add_user, of
from tests.notify.listener import Listener, listening
from tests.waiting import until

HOOKS = "/api/v1/webhooks"
PIPELINE = f"{HOOKS}/pipeline-completed"


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, listener: Listener) -> Iterator[Api]:
    config = NotifyConfig(NotifySettings(allow=(listener.origin,)), poll_seconds=0.05)
    with running_api(tmp_path_factory.mktemp("hooks") / "home", notify=config) as api:
        for role in (Role.VIEWER, Role.USER, Role.OPERATOR):
            api.served.run(add_user(api, role))
        yield api


def happen(api: Api, kind: str) -> Event:
    event = Event(new_id(), kind, "ticket-7", {"code": "timeout"}, time.time())

    async def add() -> None:
        async with api.plane.rooms.database.transaction() as connection:
            await outbox.add(connection, event)

    api.served.run(add())
    return event


def make(api: Api, url: str, **fields: Any) -> dict[str, Any]:
    with api.local() as client:
        answer = client.post(HOOKS, json={"url": url} | fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def metric(api: Api, name: str) -> float:
    with api.local() as client:
        found = re.search(rf"^{name} ([0-9.e+]+)$", client.get("/metrics").text, re.MULTILINE)
    assert found, name
    return float(found[1])


def test_event_of_the_outbox_arrives_signed(api: Api, listener: Listener) -> None:
    made = make(api, listener.url, events=["ticket.failed"], name="home assistant")
    happen(api, "ticket.ready")
    event = happen(api, "ticket.failed")
    until(lambda: event.id in [said["id"] for said in listener.said()], what="the webhook arrives")
    headers, body = next((h, b) for h, b in listener.heard if h["webhook-id"] == event.id)
    key = key_of(made["secret"])
    assert verify(key, headers, body) == Claims(event.id, int(headers["webhook-timestamp"]))
    assert verify(key, {"x-webhook-signature": headers["x-webhook-signature"]}, body) is None
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 300
    path = f"{HOOKS}/{made['endpoint']['id']}/deliveries"
    with api.local() as client:
        (row,) = until(lambda: [r for r in client.get(path).json()["items"] if r["state"] == "sent"])
        assert (row["event_type"], row["status"], row["excerpt"]) == ("ticket.failed", 200, "ok")
        assert client.get(path, params={"state": "dead"}).json() == {"items": [], "next": ""}
        assert client.get(path, params={"limit": 1}).json()["next"] == row["id"]
    assert metric(api, "webhooks_enqueued_total") >= 1
    assert metric(api, "webhooks_sent_total") >= 1
    assert metric(api, "webhook_duration_seconds_count") >= 1


def test_secret_is_told_once_and_stands_nowhere_in_the_clear(api: Api, listener: Listener) -> None:
    made = make(api, listener.url, events=["never.happens"], name="quiet")
    endpoint = made["endpoint"]["id"]
    with api.local() as client:
        for path in (HOOKS, f"{HOOKS}/{endpoint}", f"{HOOKS}/{endpoint}/deliveries", "/api/v1/audit"):
            answer = client.get(path)
            assert answer.status_code == 200
            assert made["secret"] not in answer.text
    for file in api.home.data.glob("*"):
        assert made["secret"].removeprefix("whsec_").encode() not in file.read_bytes()


def test_only_administrators_see_or_change_any(api: Api, listener: Listener) -> None:
    endpoint = make(api, listener.url, events=["never.happens"])["endpoint"]["id"]
    for role in ("viewer", "user", "operator"):
        with of(api, role) as client:
            for method, path, body in (
                ("GET", HOOKS, None),
                ("POST", HOOKS, {"url": listener.url}),
                ("GET", f"{HOOKS}/{endpoint}", None),
                ("PATCH", f"{HOOKS}/{endpoint}", {"enabled": False}),
                ("DELETE", f"{HOOKS}/{endpoint}", None),
                ("GET", f"{HOOKS}/{endpoint}/deliveries", None),
                ("POST", f"{HOOKS}/{endpoint}/redeliver", {}),
                ("POST", f"{HOOKS}/{endpoint}/test", None),
            ):
                assert client.request(method, path, json=body).status_code == 403, (role, method, path)


def test_changed_tested_disabled_and_removed_with_a_record_of_each(api: Api, listener: Listener) -> None:
    endpoint = make(api, listener.url, events=["never.happens"], name="audited")["endpoint"]["id"]
    path = f"{HOOKS}/{endpoint}"
    with of(api, "admin") as client:
        changed = client.patch(path, json={"events": ["ticket.*"]}).json()
        assert (changed["events"], changed["name"], changed["enabled"]) == (["ticket.*"], "audited", True)
        answer = client.post(f"{path}/test").json()
        assert (answer["status"], answer["excerpt"]) == (200, "ok")
        assert listener.said()[-1]["type"] == "webhook.test"
        assert client.patch(path, json={"enabled": False}).json()["why_disabled"] == "by_hand"
        refused = client.post(f"{path}/redeliver", json={})
        assert (refused.status_code, refused.json()["code"]) == (409, "webhook_disabled")
        assert client.patch(path, json={"enabled": True}).json()["enabled"]
        assert client.post(f"{path}/redeliver", json={}).json() == {"count": 0}
        assert client.delete(path).status_code == 204
        assert client.get(path).status_code == 404
        rows = client.get("/api/v1/audit").json()["items"]
    done = {(row["action"], row["outcome"]) for row in rows if row["subject"] in {endpoint, "audited"}}
    assert {
        ("add_webhook", "done"),
        ("change_webhook", "done"),
        ("test_webhook", "done"),
        ("remove_webhook", "done"),
    } <= done
    assert ("redeliver", "webhook_disabled") in done


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"url": "http://127.0.0.1:1/"}, "target_refused"),
        ({"url": "http://localhost:8000/api/v1/keys"}, "target_refused"),
        ({"url": "http://169.254.169.254/latest/meta-data"}, "target_refused"),
        ({"url": "http://[::ffff:10.0.0.1]/"}, "target_refused"),
        ({"url": "ftp://example.org/"}, "target_refused"),
        ({"url": "mailto:a@example.org"}, "target_refused"),
        ({"url": "https://example.org/", "kind": "email"}, "target_refused"),
        ({"url": "mailto:a@example.org%0d%0aBcc:b@example.org", "kind": "email"}, "target_refused"),
        ({"url": "http://nobody.invalid/", "events": []}, "invalid_input"),
        ({"url": "http://nobody.invalid/", "events": ["Ticket"]}, "invalid_input"),
        ({"url": "http://nobody.invalid/", "events": ["*.failed"]}, "invalid_input"),
        ({"url": "http://nobody.invalid/", "secret": "short"}, "invalid_input"),
        ({"url": "http://nobody.invalid/", "kind": "slack", "secret": "x"}, "invalid_input"),
        ({"url": "http://nobody.invalid/", "kind": "carrier pigeon"}, "invalid_input"),
        ({"url": "http://nobody.invalid/", "enabled": True}, "invalid_input"),
        ({}, "invalid_input"),
    ],
    ids=str,
)
def test_what_is_refused(api: Api, fields: dict[str, Any], code: str) -> None:
    with api.local() as client:
        answer = client.post(HOOKS, json=fields)
        assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text


def test_no_more_than_there_is_room_for(api: Api) -> None:
    with api.local() as client:
        made = []
        while (
            answer := client.post(HOOKS, json={"url": "mailto:a@example.org", "kind": "email", "events": ["no.one"]})
        ).status_code == 201:
            made.append(answer.json()["endpoint"]["id"])
        assert (answer.status_code, answer.json()["code"]) == (409, "too_many_webhooks")
        assert len(client.get(HOOKS).json()["items"]) == 64
        for endpoint in made:
            assert client.delete(f"{HOOKS}/{endpoint}").status_code == 204


def test_message_of_a_pipeline_needs_its_signature_and_nothing_else(api: Api) -> None:
    key = key_of(read_secret(api.home.secrets / "pipeline-webhook.secret"))
    body = b'{"ticket_id": "t1", "succeeded": true}'
    before = metric(api, "webhook_signature_validation_failures_total")
    with api.client() as client:
        for headers in (
            {},
            {"X-Webhook-Signature": "sha256=00"},
            signed(bytes(32), Claims("m", int(time.time())), body),
        ):
            answer = client.post(PIPELINE, content=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "signature_refused")
        old = signed(key, Claims("m", int(time.time()) - 301), body)
        assert client.post(PIPELINE, content=body, headers=old).status_code == 401
        assert metric(api, "webhook_signature_validation_failures_total") == before + 4
        good = signed(key, Claims(new_id(), int(time.time())), body)
        answer = client.post(PIPELINE, content=body, headers=good)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), "it was let in, and nobody waits"
        wrong = b'{"ticket_id": 7}'
        answer = client.post(PIPELINE, content=wrong, headers=signed(key, Claims("n", int(time.time())), wrong))
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
