"""The registry over HTTP, through the real application and listener."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from cluster_ai.core.principals import Role
from tests.backend.running import Api
from tests.registry.people import person
from tests.waiting import until

ROOT = "/api/v1/registry"


def registered(client: httpx2.Client, **fields: Any) -> dict[str, Any]:
    answer = client.post(f"{ROOT}/instances", json={"name": "a", **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@contextmanager
def watching(client: httpx2.Client, query: str = "", **headers: str) -> Iterator[Iterator[dict[str, Any]]]:
    with client.stream("GET", f"{ROOT}/watch{query}", headers=headers) as answer:
        assert answer.status_code == 200
        yield (
            json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line.startswith(("{", "data"))
        )


def test_an_instance_registers_renews_is_found_and_leaves(api: Api) -> None:
    with api.local() as client:
        made = registered(
            client, kind="engine", capabilities=["chat", "model:a:1b"], labels=["rack=1"], url="http://a:1"
        )
        where = f"{ROOT}/instances/{made['id']}"
        assert made["state"] == "healthy"
        assert made["lease_seconds"] == 5.0
        assert made["capabilities"] == ["chat", "model:a:1b"]
        said = client.put(f"{where}/heartbeat", json={"telemetry": {"load": 0.5}}).json()
        assert said == {"id": made["id"], "state": "healthy", "lease_seconds": 5.0}
        assert client.get(where).json()["telemetry"]["load"] == 0.5
        found = client.post(f"{ROOT}/discover", json={"kind": "engine", "capabilities": ["chat"]}).json()["items"]
        assert [row["instance"]["id"] for row in found] == [made["id"]]
        assert found[0]["score"] == {"health": 1.0, "trail": 0.5, "telemetry": 0.5, "total": 0.7}
        assert client.post(f"{ROOT}/discover", json={"capabilities": ["chat", "paint"]}).json() == {"items": []}
        assert client.delete(where).json()["id"] == made["id"]
        gone = client.put(f"{where}/heartbeat", json={})
        assert (gone.status_code, gone.json()["code"]) == (404, "unknown_instance")


def test_lists_are_narrowed_by_what_is_asked(api: Api) -> None:
    with api.local() as client:
        for name, kind, words, labels in (
            ("one", "kind-a", ["x"], ["l1"]),
            ("two", "kind-a", ["x", "y"], ["l2"]),
            ("three", "kind-b", ["y"], []),
        ):
            registered(client, name=name, kind=kind, capabilities=words, labels=labels, metadata={"note": f"{name}!"})

        def names(query: str) -> list[str]:
            answer = client.get(f"{ROOT}/instances?{query}")
            assert answer.status_code == 200, answer.text
            return [row["name"] for row in answer.json()["items"]]

        assert names("kind=kind-a") == ["one", "two"]
        assert names("capability=x&capability=y") == ["two"]
        assert names("label=l1&label=l2&kind=kind-a") == ["one", "two"]
        assert names("text=THREE!") == ["three"]
        assert names("kind=kind-a&state=unreachable") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a", "kind": "Bad Kind"},
        {"name": "a", "lease_seconds": 0.1},
        {"name": "a", "lease_seconds": 1e9},
        {"name": "a", "capabilities": ["a b"]},
        {"name": "a", "capabilities": [f"w{number}" for number in range(300)]},
        {"name": "a", "metadata": {f"m{number}": "x" * 1000 for number in range(20)}},
        {"name": "a", "metadata": {"m": 1}},
        {"name": "a", "url": "no address"},
        {"name": "a", "port": 70_000},
        {"name": "a", "telemetry": {"load": 2}},
        {"name": "a", "owner": "somebody"},
        {"name": "a", "state": "healthy"},
    ],
)
def test_what_is_wrong_is_refused_by_field(api: Api, wrong: dict[str, Any]) -> None:
    with api.local() as client:
        answer = client.post(f"{ROOT}/instances", json=wrong)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]


def test_only_who_registered_it_or_an_administrator_may_renew_or_end_it(api: Api) -> None:
    first, second = person(api, "ann", Role.OPERATOR), person(api, "ben", Role.OPERATOR)
    with api.client(**first) as ann, api.client(**second) as ben, api.local() as admin:
        made = registered(ann, id="anns-own")
        where = f"{ROOT}/instances/{made['id']}"
        for answer in (ben.put(f"{where}/heartbeat", json={}), ben.delete(where)):
            assert (answer.status_code, answer.json()["code"]) == (403, "not_your_instance")
        taken = ben.post(f"{ROOT}/instances", json={"name": "b", "id": "anns-own"})
        assert (taken.status_code, taken.json()["code"]) == (409, "instance_id_taken")
        assert ann.put(f"{where}/heartbeat", json={}).status_code == 200
        assert admin.delete(where).status_code == 200


def test_viewers_look_and_change_nothing(api: Api) -> None:
    with api.local() as admin, api.client(**person(api, "vic", Role.VIEWER)) as viewer:
        made = registered(admin)
        where = f"{ROOT}/instances/{made['id']}"
        assert viewer.get(where).status_code == 200
        assert viewer.post(f"{ROOT}/discover", json={}).status_code == 200
        for answer in (
            viewer.post(f"{ROOT}/instances", json={"name": "v"}),
            viewer.put(f"{where}/heartbeat", json={}),
            viewer.delete(where),
            viewer.post(f"{where}/marks", json={"ok": False}),
        ):
            assert answer.status_code == 403


def test_a_token_without_the_scope_reaches_nothing(api: Api) -> None:
    narrow = {"Authorization": f"Bearer {api.token(scopes=['registry:read'])}"}
    with api.client(**narrow) as client:
        assert client.get(f"{ROOT}/instances").status_code == 200
        assert client.post(f"{ROOT}/instances", json={"name": "a"}).status_code == 403
    with api.client() as stranger:
        assert stranger.get(f"{ROOT}/instances").status_code == 401
        assert stranger.put(f"{ROOT}/instances/x/heartbeat", json={}).status_code == 401


@pytest.mark.parametrize("accept", ["application/x-ndjson", "text/event-stream"])
def test_a_watcher_has_all_then_each_change_and_misses_none_after_its_cursor(api: Api, accept: str) -> None:
    kind = f"seen-{accept[-3:]}"
    with api.local() as client, api.local() as other:
        old = registered(client, kind=kind, name="old")
        with watching(other, f"?kind={kind}", Accept=accept) as lines:
            assert next(lines)["what"] == "reset"
            assert next(lines)["instance"]["id"] == old["id"]
            assert next(lines)["what"] == "ready"
            registered(client, kind="unseen")
            new = registered(client, kind=kind, name="new")
            added = next(lines)
            assert (added["what"], added["instance"]["id"]) == ("added", new["id"])
        client.put(f"{ROOT}/instances/{new['id']}/heartbeat", json={"labels": ["later"]})
        client.delete(f"{ROOT}/instances/{old['id']}")
        with watching(other, f"?kind={kind}&after={added['cursor']}", Accept=accept) as lines:
            rows = [next(lines) for _ in range(2)]
    assert [(row["what"], row["instance"]["name"]) for row in rows] == [("changed", "new"), ("removed", "old")]
    assert rows[0]["instance"]["labels"] == ["later"]


def test_a_cursor_of_another_life_begins_anew(api: Api) -> None:
    with api.local() as client, watching(client, "?after=another.3") as lines:
        assert next(lines)["what"] == "reset"


def test_a_watcher_who_left_is_forgotten(api: Api) -> None:
    until(lambda: api.plane.registry.feed.watchers == 0, what="those of the tests before are gone")
    with api.local() as client, watching(client) as lines:
        next(lines)
        assert api.plane.registry.feed.watchers == 1
    until(lambda: api.plane.registry.feed.watchers == 0, what="the watcher is gone")


def test_marks_move_an_instance_down_the_ranking(api: Api) -> None:
    with api.local() as client:
        first, second = (registered(client, kind="marked", name=name) for name in ("p", "q"))
        client.post(f"{ROOT}/instances/{first['id']}/marks", json={"ok": False})
        found = client.post(f"{ROOT}/discover", json={"kind": "marked"}).json()["items"]
    assert [row["instance"]["id"] for row in found] == [second["id"], first["id"]]
    assert found[1]["score"]["trail"] == pytest.approx(1 / 3, abs=1e-3)


def test_registering_and_ending_are_in_the_audit_log(api: Api) -> None:
    with api.local() as client:
        made = registered(client, name="noted")
        client.delete(f"{ROOT}/instances/{made['id']}")
        rows = client.get("/api/v1/audit").json()["items"]
    assert {("register_instance", "noted"), ("end_instance", made["id"])} <= {
        (row["action"], row["subject"]) for row in rows
    }
