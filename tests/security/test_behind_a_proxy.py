"""The dashboard behind a proxy that ends TLS on this machine, as config/nginx/production.conf sets one up."""

import re
import ssl
from http.cookies import SimpleCookie
from pathlib import Path

import pytest
from starlette.requests import HTTPConnection

from backend.auth import COOKIE, SECURE_COOKIE, cookie_name
from tests.backend.running import PASSWORD, Api

LOGIN, ME = "/api/v1/auth/login", "/api/v1/auth/me"
WORDS = {"username": "admin", "password": PASSWORD}
PROXY = {"X-Forwarded-Proto": "https"}


def origin_of(api: Api) -> dict[str, str]:
    return {"Origin": api.url.replace("http://", "https://")}


def test_people_sign_in_and_change_things_under_tls(api: Api) -> None:
    under_tls = PROXY | origin_of(api)
    with api.client() as client:
        answer = client.post(LOGIN, json=WORDS, headers=under_tls)
        assert answer.status_code == 200, answer.text
        (cookie,) = SimpleCookie(answer.headers["set-cookie"]).values()
        assert cookie.key == SECURE_COOKIE == "__Host-cluster_ai_session"
        assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, True, "strict", "/")
        assert not cookie["domain"]
        session = {"Cookie": f"{SECURE_COOKIE}={cookie.value}"}
        assert client.get(ME, headers=PROXY | session).status_code == 200
        csrf = {"X-CSRF-Token": answer.json()["csrf"]}
        left = client.post("/api/v1/auth/logout", headers=under_tls | session | csrf)
        assert left.status_code == 204, left.text
        assert "Secure" in left.headers["set-cookie"]
        assert client.get(ME, headers=PROXY | session).status_code == 401


def test_page_in_the_clear_is_another_site(api: Api) -> None:
    with api.client() as client:
        assert client.post(LOGIN, json=WORDS, headers=PROXY | {"Origin": api.url}).json()["code"] == "cross_origin"
        assert client.post(LOGIN, json=WORDS, headers=origin_of(api)).json()["code"] == "cross_origin"


def test_cookie_without_its_strict_name_is_none(api: Api) -> None:
    client, _ = api.signed_in()
    with client:
        session = client.cookies[COOKIE]
    with api.client(Cookie=f"{COOKIE}={session}", **PROXY) as other:
        assert other.get(ME).status_code == 401


@pytest.mark.parametrize(
    ("peer", "said", "name"),
    [
        ("127.0.0.1", [b"https"], SECURE_COOKIE),
        ("::1", [b"https"], SECURE_COOKIE),
        ("192.168.1.5", [b"https"], COOKIE),
        ("127.0.0.1", [b"http"], COOKIE),
        ("127.0.0.1", [b"https", b"http"], COOKIE),
        ("127.0.0.1", [], COOKIE),
    ],
)
def test_proxy_of_this_machine_alone_is_believed(peer: str, said: list[bytes], name: str) -> None:
    headers = [(b"x-forwarded-proto", value) for value in said]
    scope = {"type": "http", "scheme": "http", "client": (peer, 50_000), "headers": headers}
    assert cookie_name(HTTPConnection(scope)) == name


def test_proxy_takes_strong_ciphers_only() -> None:
    text = (Path(__file__).parents[2] / "config/nginx/production.conf").read_text(encoding="utf-8")
    (protocols,) = re.findall(r"ssl_protocols (.+);", text)
    assert protocols.split() == ["TLSv1.2", "TLSv1.3"]
    (wanted,) = re.findall(r"ssl_ciphers (.+);", text)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(wanted)
    older = [cipher for cipher in context.get_ciphers() if cipher["protocol"] == "TLSv1.2"]
    assert older
    assert all(cipher["aead"] and cipher["name"].startswith("ECDHE-") for cipher in older)
