"""What a page of another site can make a browser do: rebinding, cross-origin calls, sockets."""

import socket

import pytest

from backend.policy import RULES, SAFE_METHODS, WEBSOCKET
from tests.backend.running import Api
from tests.security.test_policy import path_of

CHANGING = [rule for rule in RULES if rule.method not in SAFE_METHODS and rule.method != WEBSOCKET]
FOREIGN = [
    "http://evil.test",
    "null",
    "http://localhost.evil.test",
    "https://127.0.0.1",
    "http://127.0.0.1:1",
    "file://",
]


def raw(api: Api, head: str) -> str:
    with socket.create_connection(("127.0.0.1", api.port), timeout=5) as sock:
        sock.sendall(head.encode("latin-1"))
        answer = b""
        while part := sock.recv(65536):
            answer += part
    return answer.decode("latin-1")


@pytest.mark.parametrize(
    "host", ["evil.test", "127.0.0.1.evil.test", "localhost@evil.test", "169.254.169.254", "[::2]"]
)
@pytest.mark.parametrize("path", ["/health", "/", "/api/v1/overview"])
def test_foreign_host_is_misdirected(api: Api, host: str, path: str) -> None:
    answer = raw(api, f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    assert answer.startswith("HTTP/1.1 421")
    assert '"code":"wrong_host"' in answer


@pytest.mark.parametrize(
    "lines",
    [
        "Host: localhost\r\nHost: evil.test",
        "X-Forwarded-Host: localhost",
        "Host: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        "Host: localhost\r\nContent-Length: 5\r\nContent-Length: 6",
        "Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz",
        "Host : localhost",
    ],
)
def test_framing_in_doubt_is_refused_and_closed(api: Api, lines: str) -> None:
    answer = raw(api, f"POST /api/v1/auth/login HTTP/1.1\r\n{lines}\r\n\r\nhello")
    assert answer.startswith("HTTP/1.1 400")
    assert answer.count("HTTP/1.1") == 1


@pytest.mark.parametrize("target", ["http://evil.test/health", "evil", "//evil.test/api/v1/overview", "*"])
def test_odd_targets_lead_nowhere(api: Api, target: str) -> None:
    answer = raw(api, f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    status = int(answer.split(" ")[1])
    assert status in {400, 401, 404}, answer


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("rule", CHANGING, ids=lambda rule: f"{rule.method} {rule.path}")
def test_cross_origin_change_is_refused_whatever_the_credential(api: Api, rule: object, origin: str) -> None:
    with api.local() as client:
        answer = client.request(rule.method, path_of(rule), json={}, headers={"Origin": origin})
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_origin")
    assert api.world.ordered == []


def test_preflight_gets_no_permission(api: Api) -> None:
    headers = {"Origin": "http://evil.test", "Access-Control-Request-Method": "POST"}
    headers["Access-Control-Request-Private-Network"] = "true"
    with api.client() as client:
        answer = client.options("/api/v1/workers", headers=headers)
    assert answer.status_code == 405
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_cookie_of_another_name_or_two_authorizations_do_not_help(api: Api) -> None:
    client, _ = api.signed_in()
    with client:
        session = client.cookies["cluster_ai_session"]
    with api.client(Cookie=f"__Host-cluster_ai_session={session}") as other:
        assert other.get("/api/v1/auth/me").status_code == 401
    head = f"GET /api/v1/auth/me HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\nCookie: cluster_ai_session={session}\r\n"
    assert raw(api, f"{head}Connection: close\r\n\r\n").startswith("HTTP/1.1 401"), (
        "a bad token is not mended by a cookie"
    )


@pytest.mark.parametrize(
    "value", ["Bearer", "Basic YWRtaW46YWRtaW4=", "Bearer a b", "bearer ' OR 1=1 --", "Bearer " + "x" * 20_000]
)
def test_hostile_authorization(api: Api, value: str) -> None:
    with api.client(Authorization=value) as client:
        assert client.get("/api/v1/overview").status_code == 401
