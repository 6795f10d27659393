"""The second factor over the real API: who may do what about whose, and what is told only once."""

import time
from pathlib import Path

import httpx2
import pyotp

from tests.backend.running import PASSWORD, Api, running_api

OWN, LOGIN, TOKEN = "/api/v1/auth/second-factor", "/api/v1/auth/login", "/api/v1/auth/token"


def code(api: Api, secret: str, *, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(int(time.time() + api.clock[0]) + 30 * steps)


def enrol(api: Api, name: str, *, role: str = "viewer") -> tuple[str, list[str]]:
    """Somebody new with a second factor: the secret and the recovery codes."""
    with api.local() as local:
        assert local.post("/api/v1/users", json={"name": name, "role": role, "password": PASSWORD}).status_code == 201
    with api.client(Authorization=f"Bearer {api.token(username=name)}") as client:
        begun = client.post(OWN, json={"password": PASSWORD})
        assert begun.status_code == 201, begun.text
        shown = begun.json()
        assert shown["qr"].startswith("<svg")
        assert shown["uri"].startswith(f"otpauth://totp/Cluster%20AI:{name}?secret={shown['secret']}")
        confirmed = client.post(f"{OWN}/confirm", json={"code": code(api, shown["secret"])})
        assert confirmed.status_code == 200, confirmed.text
        assert client.get(OWN).status_code == 401, "the token was made without it"
    return shown["secret"], confirmed.json()["recovery_codes"]


def sign_in(client: httpx2.Client, name: str, text: str = "") -> httpx2.Response:
    return client.post(LOGIN, json={"username": name, "password": PASSWORD, "code": text})


def test_signing_in_takes_both(tmp_path: Path) -> None:
    with running_api(tmp_path / "home") as api:
        secret, recovery = enrol(api, "ana")
        with api.client() as client:
            for door in (LOGIN, TOKEN):
                missing = client.post(door, json={"username": "ana", "password": PASSWORD})
                assert (missing.status_code, missing.json()["code"]) == (401, "second_factor_required")
                assert "set-cookie" not in missing.headers
            fresh = code(api, secret, steps=1)
            assert sign_in(client, "ana", fresh).status_code == 200
            assert client.get(OWN).json() == {"on": True, "recovery_codes_left": 10}
            again = sign_in(client, "ana", fresh)
            assert (again.status_code, again.json()["code"]) == (401, "bad_code")
            body = {"username": "ana", "password": PASSWORD, "code": recovery[0]}
            assert client.post(TOKEN, json=body).status_code == 200
            assert client.post(TOKEN, json=body).json()["code"] == "bad_code"


def test_a_session_without_the_password_begins_and_ends_nothing(tmp_path: Path) -> None:
    with running_api(tmp_path / "home") as api:
        _, recovery = enrol(api, "ana")
        with api.client() as client:
            headers = {"Origin": api.url, "X-CSRF-Token": sign_in(client, "ana", recovery[0]).json()["csrf"]}
            for body in ({"password": "guess work", "code": recovery[1]}, {"password": PASSWORD, "code": "000000"}):
                refused = client.post(f"{OWN}/off", json=body, headers=headers)
                assert refused.status_code == 401
            assert client.post(f"{OWN}/off", json={"password": PASSWORD}, headers=headers).status_code == 422
            second = client.post(OWN, json={"password": PASSWORD}, headers=headers)
            assert (second.status_code, second.json()["code"]) == (409, "second_factor_on")
            good = {"password": PASSWORD, "code": recovery[1]}
            assert client.post(f"{OWN}/off", json=good, headers=headers).status_code == 204
            refused = client.post(OWN, json={"password": "guess work"}, headers=headers)
            assert refused.json()["code"] == "bad_credentials"
            assert sign_in(client, "ana").status_code == 200


def test_only_administrators_take_it_away_and_not_their_own(tmp_path: Path) -> None:
    with running_api(tmp_path / "home") as api:
        enrol(api, "ana")
        for role in ("viewer", "user", "operator"):
            with api.local() as local:
                local.post("/api/v1/users", json={"name": role, "role": role, "password": PASSWORD})
            with api.client(Authorization=f"Bearer {api.token(username=role)}") as client:
                assert client.delete("/api/v1/users/ana/second-factor").status_code == 403
        with api.client(Authorization=f"Bearer {api.token()}") as client:
            own = client.delete("/api/v1/users/admin/second-factor")
            assert (own.status_code, own.json()["code"]) == (409, "own_account")
            has = {row["name"]: row["second_factor"] for row in client.get("/api/v1/users").json()["items"]}
            assert (has["ana"], has["admin"]) == (True, False)
            assert client.delete("/api/v1/users/ana/second-factor").status_code == 204
            assert client.delete("/api/v1/users/nobody/second-factor").status_code == 404
        with api.client() as client:
            assert sign_in(client, "ana").status_code == 200


def test_internal_token_is_nobody_and_has_none(api: Api) -> None:
    with api.local() as local:
        assert local.get(OWN).json() == {"on": False, "recovery_codes_left": 0}
        assert local.post(OWN, json={"password": PASSWORD}).status_code == 409
        assert local.post(f"{OWN}/confirm", json={"code": "000000"}).status_code == 409
