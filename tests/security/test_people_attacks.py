"""People who want more than they were given, over the real API."""

from collections.abc import Iterator

import httpx2
import pytest

from backend import auth
from tests.backend.running import PASSWORD, Api
from tests.told import told_by

ROUTES = [
    ("GET", "/users", None),
    ("POST", "/users", {"name": "mallory", "role": "admin"}),
    ("PATCH", "/users/{me}", {"role": "admin"}),
    ("PATCH", "/users/admin", {"role": "viewer"}),
    ("PATCH", "/users/admin", {"disabled": True}),
    ("POST", "/users/admin/password", {"password": "mallory's own sentence"}),
    ("DELETE", "/users/admin", None),
]
SMALL = ["viewer", "user", "operator"]


@pytest.fixture(scope="module")
def local(api: Api) -> Iterator[httpx2.Client]:
    with api.local() as client:
        yield client


def add(local: httpx2.Client, name: str, role: str) -> None:
    body = {"name": name, "role": role, "password": PASSWORD}
    assert local.post("/api/v1/users", json=body).status_code == 201


def browser(api: Api, name: str) -> tuple[httpx2.Client, dict[str, str]]:
    with api.client() as door:
        answer = door.post("/api/v1/auth/login", json={"username": name, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        client = api.client()
        client.cookies.update(door.cookies)
    return client, {"X-CSRF-Token": answer.json()["csrf"], "Origin": api.url}


@pytest.mark.parametrize("role", SMALL)
def test_smaller_roles_reach_none_of_the_routes(api: Api, local: httpx2.Client, role: str) -> None:
    name = f"small-{role}"
    add(local, name, role)
    with api.client(Authorization=f"Bearer {api.token(username=name)}") as client:
        for method, path, body in ROUTES:
            answer = client.request(method, f"/api/v1{path.replace('{me}', name)}", json=body)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (method, path)
    assert {row["name"]: row["role"] for row in local.get("/api/v1/users").json()["items"]}[name] == role


def test_token_of_an_administrator_reaches_no_further_than_its_scopes(api: Api, local: httpx2.Client) -> None:
    token = api.token(scopes=["users:read"])
    with api.client(Authorization=f"Bearer {token}") as client:
        assert client.get("/api/v1/users").status_code == 200
        assert client.post("/api/v1/users", json={"name": "mallory", "role": "admin"}).status_code == 403


def test_cookie_alone_changes_nobody(api: Api, local: httpx2.Client) -> None:
    client, headers = api.signed_in()
    with client:
        body = {"name": "mallory", "role": "admin"}
        for left_out in headers:
            fewer = {key: value for key, value in headers.items() if key != left_out}
            assert client.post("/api/v1/users", json=body, headers=fewer).status_code == 403
        elsewhere = headers | {"Origin": "http://evil.example"}
        assert client.post("/api/v1/users", json=body, headers=elsewhere).status_code == 403


def test_demoted_administrator_is_small_with_the_very_next_request(api: Api, local: httpx2.Client) -> None:
    add(local, "falling", "admin")
    client, headers = browser(api, "falling")
    with client, api.client(Authorization=f"Bearer {api.token(username='falling')}") as by_token:
        assert client.get("/api/v1/users").status_code == by_token.get("/api/v1/users").status_code == 200
        assert local.patch("/api/v1/users/falling", json={"role": "viewer"}).status_code == 200
        assert client.get("/api/v1/users").status_code == by_token.get("/api/v1/users").status_code == 403
        up = {"role": "admin"}
        assert client.patch("/api/v1/users/falling", json=up, headers=headers).status_code == 403
        assert by_token.patch("/api/v1/users/falling", json=up).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("PATCH", "", {"disabled": True}), ("POST", "/password", {}), ("DELETE", "", None)],
    ids=["disabled", "password", "deleted"],
)
def test_old_session_and_token_are_worth_nothing(
    api: Api, local: httpx2.Client, method: str, path: str, body: object
) -> None:
    name = f"gone-{method.lower()}"
    add(local, name, "admin")
    client, _ = browser(api, name)
    with client, api.client(Authorization=f"Bearer {api.token(username=name)}") as by_token:
        assert client.get("/api/v1/auth/me").status_code == by_token.get("/api/v1/auth/me").status_code == 200
        assert local.request(method, f"/api/v1/users/{name}{path}", json=body).is_success
        assert client.get("/api/v1/auth/me").status_code == by_token.get("/api/v1/auth/me").status_code == 401


def test_token_is_worth_nothing_after_ones_own_new_password(api: Api, local: httpx2.Client) -> None:
    add(local, "careful", "viewer")
    with api.client(Authorization=f"Bearer {api.token(username='careful')}") as client:
        change = {"current": PASSWORD, "new": "another sentence of mine"}
        assert client.post("/api/v1/auth/password", json=change).status_code == 204
        assert client.get("/api/v1/auth/me").status_code == 401


def test_nobody_learns_who_is_there_by_guessing(api: Api, local: httpx2.Client) -> None:
    add(local, "hidden", "viewer")
    local.patch("/api/v1/users/hidden", json={"disabled": True})
    add(local, "shown", "viewer")
    answers = set()
    for route in ("login", "token"):
        with api.client() as client:
            for name, password in (("hidden", PASSWORD), ("shown", "a wrong one"), ("nobody", "a wrong one")):
                said = client.post(f"/api/v1/auth/{route}", json={"username": name, "password": password})
                problem = {key: value for key, value in said.json().items() if key not in {"instance", "request_id"}}
                answers.add((said.status_code, str(sorted(problem.items()))))
    assert len(answers) == 1, answers


def test_administrators_neither_delete_nor_lower_themselves(api: Api, local: httpx2.Client) -> None:
    add(local, "second", "admin")
    with api.client(Authorization=f"Bearer {api.token(username='second')}") as client:
        for method, path, body in (
            ("DELETE", "", None),
            ("PATCH", "", {"role": "operator"}),
            ("PATCH", "", {"disabled": True}),
            ("POST", "/password", {"password": "a sentence without the old one"}),
        ):
            answer = client.request(method, f"/api/v1/users/SECOND{path}", json=body)
            assert (answer.status_code, answer.json()["code"]) == (409, "own_account")


def test_no_answer_holds_a_hash_or_a_given_password(api: Api, local: httpx2.Client) -> None:
    body = {"name": "quiet", "role": "viewer", "password": PASSWORD}
    made = local.post("/api/v1/users", json=body)
    assert made.json()["password"] == ""
    for answer in (made, local.get("/api/v1/users"), local.get("/api/v1/audit")):
        assert PASSWORD not in answer.text
        assert "argon2" not in answer.text


def test_nobody_ends_or_sees_anothers_session_by_its_name(api: Api, local: httpx2.Client) -> None:
    add(local, "owner", "viewer")
    add(local, "thief", "operator")
    client, headers = browser(api, "owner")
    with client, api.client(Authorization=f"Bearer {api.token(username='thief')}") as thief:
        sessions = client.get("/api/v1/auth/sessions").json()["items"]
        assert [row["current"] for row in sessions] == [True]
        which = sessions[0]["id"]
        assert thief.get("/api/v1/auth/sessions").json()["items"] == []
        assert thief.delete(f"/api/v1/auth/sessions/{which}").status_code == 404
        for method, path in (("GET", ""), ("DELETE", ""), ("DELETE", f"/{which}")):
            assert thief.request(method, f"/api/v1/users/owner/sessions{path}").status_code == 403
        assert client.delete("/api/v1/auth/sessions", headers=headers).status_code == 204
        assert client.get("/api/v1/auth/me").status_code == 200, "the one that asks goes on"
        assert local.delete(f"/api/v1/users/owner/sessions/{which}").status_code == 204
        assert client.get("/api/v1/auth/me").status_code == 401


def test_log_is_exported_to_administrators_only(api: Api, local: httpx2.Client) -> None:
    add(local, "curious", "operator")
    with api.client(Authorization=f"Bearer {api.token(username='curious')}") as client:
        assert client.get("/api/v1/audit/export").status_code == 403
    answer = local.get("/api/v1/audit/export")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert '"last"' in answer.text.splitlines()[-1]


def test_who_tries_more_than_they_may_is_in_the_log(api: Api) -> None:
    client, _ = api.signed_in()
    with told_by(auth) as told, client:
        refused = client.post("/api/v1/auth/logout", headers={"Origin": api.url})
    assert refused.json()["code"] == "csrf"
    (entry,) = told
    assert (entry["event"], entry["user"], entry["code"]) == ("caller refused", "admin", "csrf")
    assert (entry["method"], entry["route"]) == ("POST", "/api/v1/auth/logout")
