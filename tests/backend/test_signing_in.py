"""Sessions, access tokens, passwords, and how each of them ends."""

from pathlib import Path

import httpx2

from tests.backend.running import PASSWORD, Api, running_api

ME, LOGIN, TOKEN = "/api/v1/auth/me", "/api/v1/auth/login", "/api/v1/auth/token"


def test_session_cookie_is_strict_and_good_for_reading(api: Api) -> None:
    client, _ = api.signed_in()
    with client:
        answer = client.post(LOGIN, json={"username": "Admin", "password": PASSWORD})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("cluster_ai_session=")
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Path=/" in cookie
        me = client.get(ME).json()
    assert me["user"]["name"] == "admin"
    assert me["user"]["password_chosen"] is True
    assert me["csrf"] == answer.json()["csrf"]


def test_changing_call_with_a_cookie_needs_token_and_origin(api: Api) -> None:
    client, headers = api.signed_in()
    path = "/api/v1/system/parts/node/restart"
    with client:
        assert client.post(path).json()["code"] == "cross_origin"
        assert client.post(path, headers={"Origin": api.url}).json()["code"] == "csrf"
        assert client.post(path, headers=headers | {"X-CSRF-Token": "0" * 64}).json()["code"] == "csrf"
        assert client.post(path, headers=headers | {"Origin": "http://evil.test"}).json()["code"] == "cross_origin"
        assert api.world.ordered == []
        assert client.post(path, headers=headers).status_code == 202
    assert api.world.ordered == [("restart", "node")]


def test_signing_out_ends_the_session_at_once(api: Api) -> None:
    client, headers = api.signed_in()
    with client:
        kept = dict(client.cookies)
        assert client.post("/api/v1/auth/logout", headers=headers).status_code == 204
        assert "cluster_ai_session" not in client.cookies
        again = httpx2.get(api.url + ME, cookies=kept, trust_env=False)
    assert again.status_code == 401


def test_session_ends_after_idling_and_after_its_whole_life(api: Api) -> None:
    client, _ = api.signed_in()
    with client:
        for minutes in (9, 18, 27):
            api.clock[0] = minutes * 60.0
            assert client.get(ME).status_code == 200, "use keeps it alive"
        api.clock[0] = (27 + 11) * 60.0
        assert client.get(ME).status_code == 401, "idle"
        api.clock[0] = 0.0
    client, _ = api.signed_in()
    with client:
        for minutes in range(9, 60, 9):
            api.clock[0] = minutes * 60.0
            assert client.get(ME).status_code == 200
        api.clock[0] = 61 * 60.0
        assert client.get(ME).status_code == 401, "an hour is all it has"
        api.clock[0] = 0.0


def test_access_token_works_until_it_expires_or_is_revoked(api: Api) -> None:
    token = api.token()
    with api.client(Authorization=f"Bearer {token}") as client:
        assert client.get(ME).json() == client.get(ME).json()
        assert client.get(ME).json()["csrf"] == ""
        assert client.post("/api/v1/system/parts/node/restart").status_code == 202, "tokens need no CSRF token"
        assert client.post("/api/v1/auth/revoke").status_code == 204
        assert client.get(ME).status_code == 401
    with api.client(Authorization=f"Bearer {api.token()}") as client:
        api.clock[0] = 301.0
        assert client.get(ME).json()["detail"] == "the access token has expired"


def test_token_narrowed_to_a_scope_reaches_nothing_else(api: Api) -> None:
    with api.client(Authorization=f"Bearer {api.token(scopes=['cluster:read'])}") as client:
        assert client.get("/api/v1/overview").status_code == 200
        refused = client.post("/workers", json={"count": 1})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    assert "workers:write" in refused.json()["detail"]


def test_wrong_password_and_unknown_name_get_the_same_answer(api: Api) -> None:
    with api.client() as client:
        wrong = client.post(LOGIN, json={"username": "admin", "password": "not the password"})
        nobody = client.post(LOGIN, json={"username": "nobody", "password": "not the password"})
    assert wrong.status_code == nobody.status_code == 401
    assert wrong.json() == nobody.json()


def test_names_and_passwords_have_bounds(api: Api) -> None:
    good = {"username": "admin", "password": PASSWORD}
    with api.local() as client:
        for field, longest in (("username", 64), ("password", 1024)):
            at_most = client.post(LOGIN, json=good | {field: "x" * longest})
            beyond = client.post(LOGIN, json=good | {field: "x" * (longest + 1)})
            assert at_most.status_code == 401
            assert beyond.status_code == 422
            assert beyond.json()["errors"][0]["path"] == field


def test_sixth_try_in_a_minute_waits(api: Api) -> None:
    api.clock[0] = 3600.0  # past the tries of other tests
    with api.client() as client:
        tries = [client.post(TOKEN, json={"username": "eve", "password": "x" * 9}) for _ in range(6)]
        assert [answer.status_code for answer in tries] == [401] * 5 + [429]
        assert 50 <= int(tries[-1].headers["retry-after"]) <= 60
        assert client.post(TOKEN, json={"username": "admin", "password": PASSWORD}).status_code == 200
        api.clock[0] += 61
        assert client.post(TOKEN, json={"username": "eve", "password": "x" * 9}).status_code == 401


def test_wrong_credentials_on_an_open_route_are_a_stranger(api: Api) -> None:
    with api.client(Authorization="Bearer nonsense") as client:
        answer = client.get("/ready")
    assert answer.status_code == 200
    assert not any(check["detail"] for check in answer.json()["checks"])


def test_new_password_ends_every_other_sign_in(tmp_path: Path) -> None:
    new = "a sentence nobody guesses"
    with running_api(tmp_path / "home") as api:
        mine, headers = api.signed_in()
        other, _ = api.signed_in()
        token = api.token()
        with mine, other:
            weak = mine.post("/api/v1/auth/password", json={"current": PASSWORD, "new": "password1"}, headers=headers)
            assert (weak.status_code, weak.json()["code"]) == (422, "weak_password")
            wrong = mine.post("/api/v1/auth/password", json={"current": "guess work", "new": new}, headers=headers)
            assert wrong.json()["code"] == "bad_credentials"
            body = {"current": PASSWORD, "new": new}
            assert mine.post("/api/v1/auth/password", json=body, headers=headers).status_code == 204
            assert mine.get(ME).status_code == 200
            assert other.get(ME).status_code == 401
        with api.client(Authorization=f"Bearer {token}") as program:
            assert program.get(ME).status_code == 401
        with api.client() as stranger:
            assert stranger.post(LOGIN, json={"username": "admin", "password": PASSWORD}).status_code == 401
        with api.local() as local:
            assert local.post("/api/v1/auth/password", json={"new": PASSWORD}).status_code == 204
        assert api.token()


def test_deeds_are_in_the_audit_log_and_the_chain_holds(api: Api) -> None:
    with api.local() as client:
        client.post("/workers", json={"count": 2})
        api.world.supervised = False
        client.post("/api/v1/system/parts/node/restart")
        page = client.get("/api/v1/audit?limit=2").json()
    assert [(entry["action"], entry["outcome"]) for entry in page["items"]] == [
        ("restart_part", "unavailable"),
        ("add_workers", "done"),
    ]
    assert page["broken"] == ""
    assert page["items"][0]["previous"] == page["items"][1]["hash"]
