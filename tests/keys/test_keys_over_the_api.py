"""Keys and usage over HTTP: who sees and changes which, what is refused, and that every change is in the audit log."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from cluster_ai.accounts import tables as accounts
from cluster_ai.accounts.types import User
from cluster_ai.core.principals import Role
from cluster_ai.keys import tables
from cluster_ai.keys.records import Used
from tests.backend.running import CHEAP, PASSWORD, Api, running_api

KEYS, USAGE = "/api/v1/keys", "/api/v1/usage"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_api(tmp_path_factory.mktemp("keys") / "home") as api:
        for role in (Role.VIEWER, Role.USER, Role.OPERATOR):
            api.served.run(add_user(api, role))
        yield api


async def add_user(api: Api, role: Role) -> None:
    user = User(id=f"user-{role}", name=role.value, role=role, password_chosen=True)
    hashed = await CHEAP.hash(PASSWORD)
    async with api.plane.accounts._database.transaction() as connection:
        await accounts.add_user(connection, user, password_hash=hashed, now=0.0)


async def add_usage(api: Api, *rows: Used) -> None:
    async with api.plane.accounts._database.transaction() as connection:
        await tables.add_usage(connection, rows)


def of(api: Api, role: str) -> httpx2.Client:
    return api.client(Authorization=f"Bearer {api.token(username=role)}")


def make(api: Api, **fields: Any) -> dict[str, Any]:
    with api.local() as client:
        answer = client.post(KEYS, json={"name": "laptop"} | fields)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_secret_is_told_once(api: Api) -> None:
    made = make(api, name="once", models=["llama3*"], limits={"requests_per_minute": 7})
    secret, key = made["secret"], made["key"]
    assert secret.startswith(key["prefix"] + "_")
    assert key["state"] == "active"
    assert key["limits"]["requests_per_minute"] == 7
    with api.local() as client:
        for path in (KEYS, f"{KEYS}/{key['id']}"):
            answer = client.get(path)
            assert answer.status_code == 200
            assert key["prefix"] in answer.text
            assert secret not in answer.text


def test_owners_see_and_end_their_own_and_nobody_elses(api: Api) -> None:
    theirs, other = make(api, name="theirs", owner="user")["key"], make(api, name="other", owner="operator")["key"]
    with of(api, "user") as client:
        assert {key["name"] for key in client.get(KEYS).json()["items"]} == {"theirs"}
        assert client.get(f"{KEYS}/{theirs['id']}").json()["owner"] == "user"
        for call in (client.get, client.delete):
            answer = call(f"{KEYS}/{other['id']}")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert client.post(KEYS, json={"name": "mine"}).status_code == 403
        assert client.patch(f"{KEYS}/{theirs['id']}", json={"priority": "interactive"}).status_code == 403
        assert client.delete(f"{KEYS}/{theirs['id']}").json()["state"] == "revoked"
    with of(api, "viewer") as client:
        assert client.get(KEYS).status_code == 403
    with of(api, "admin") as client:
        assert {"theirs", "other"} <= {key["name"] for key in client.get(KEYS).json()["items"]}


def test_change_leaves_what_is_left_out(api: Api) -> None:
    key = make(api, models=["a"], hedge=True)["key"]
    with of(api, "admin") as client:
        changed = client.patch(f"{KEYS}/{key['id']}", json={"limits": {"tokens_per_day": 5}})
        assert changed.status_code == 200, changed.text
        assert changed.json() == key | {"limits": key["limits"] | {"tokens_per_day": 5}}
        assert client.patch(f"{KEYS}/nobody", json={}).status_code == 404
        client.delete(f"{KEYS}/{key['id']}")
        assert client.patch(f"{KEYS}/{key['id']}", json={"name": "x"}).status_code == 409


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "a\nb"},
        {"name": "a\x00"},
        {"name": "x" * 65},
        {"scopes": []},
        {"scopes": ["admin:all"]},
        {"models": ["[a-z]"]},
        {"models": ["a b"]},
        {"models": ["'; DROP TABLE api_keys; --"]},
        {"models": ["a"] * 65},
        {"limits": {"requests_per_minute": -1}},
        {"limits": {"requests_per_minute": 10**16}},
        {"limits": {"requests_per_minute": True}},
        {"limits": {"per_hour": 1}},
        {"priority": 0},
        {"priority": "first"},
        {"expires_at": 1.0},
        {"expires_at": -1},
        {"owner": "nobody-has-this-name"},
        {"owner": "x" * 65},
        {"id": "chosen"},
        {"digest": "0" * 64},
        {"created_at": 0},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(api: Api, fields: dict[str, Any]) -> None:
    with api.local() as client:
        before = len(client.get(KEYS).json()["items"])
        answer = client.post(KEYS, json={"name": "laptop"} | fields)
        assert answer.status_code in {400, 422}, answer.text
        assert len(client.get(KEYS).json()["items"]) == before


def test_every_change_is_in_the_audit_log_without_a_secret(api: Api) -> None:
    made = make(api, name="audited")
    key = made["key"]
    with of(api, "admin") as client:
        client.patch(f"{KEYS}/{key['id']}", json={"name": "other"})
        client.delete(f"{KEYS}/{key['id']}")
        client.patch(f"{KEYS}/{key['id']}", json={"name": "late"})
        page = client.get("/api/v1/audit").json()
    assert page["broken"] == ""
    rows = [(row["actor"], row["action"], row["subject"], row["outcome"]) for row in page["items"]]
    assert ("local", "create_key", "audited", "done") in rows
    assert ("admin", "change_key", key["id"], "done") in rows
    assert ("admin", "revoke_key", key["id"], "done") in rows
    assert ("admin", "change_key", key["id"], "conflict") in rows
    assert made["secret"] not in str(page)


def test_usage_by_group_day_and_owner(api: Api) -> None:
    theirs = make(api, name="counted", owner="operator")["key"]
    api.served.run(
        add_usage(
            api,
            Used(theirs["id"], "a", "n1", "2027-03-01", 2, 1, 10, 20),
            Used(theirs["id"], "b", "n1", "2027-03-02", 1, 0, 5, 6),
            Used("", "a", "n2", "2027-03-02", 4, 0, 7, 8),
        )
    )
    with of(api, "admin") as client:
        everything = client.get(USAGE, params={"by": "key"}).json()
        assert everything["by"] == "key"
        assert {row["name"]: row["requests"] for row in everything["items"]} == {"counted": 3, "": 4}
        day = client.get(USAGE, params={"by": "model", "from": "2027-03-02", "to": "2027-03-02"}).json()["items"]
        assert {row["name"]: (row["prompt_tokens"], row["output_tokens"]) for row in day} == {"a": (7, 8), "b": (5, 6)}
        one = client.get(USAGE, params={"by": "day", "key": theirs["id"]}).json()["items"]
        assert [row["name"] for row in one] == ["2027-03-01", "2027-03-02"]
        for wrong in ({"by": "digest"}, {"from": "yesterday"}, {"to": "0"}, {"from": "2027-03-02\n"}):
            assert client.get(USAGE, params=wrong).status_code == 422
    with of(api, "operator") as client:
        assert {row["name"] for row in client.get(USAGE, params={"by": "node"}).json()["items"]} == {"n1"}
    with of(api, "user") as client:
        assert client.get(USAGE, params={"by": "node", "key": theirs["id"]}).json()["items"] == []
