"""The bad-input matrix over every route: a 4xx that was promised, never a 5xx, never a wait."""

import json
import time
from typing import Any, Final

import httpx2
import pytest
from jsonschema import Draft202012Validator

from backend.policy import API, RULES, WEBSOCKET, Rule
from cluster_ai.core.ids import new_id
from cluster_ai.core.paths import read_secret
from cluster_ai.notify.inbound import NAME
from cluster_ai.notify.signing import Claims, key_of, signed
from tests.backend.running import Api
from tests.security.described import DESCRIBED
from tests.security.test_policy import BODIES, path_of


def body_of(rule: Rule) -> dict[str, Any]:
    """What the API's description says of the body; empty when it takes none."""
    path = rule.path.replace(":path}", "}")
    told: dict[str, Any] = DESCRIBED["paths"].get(path, {}).get("post", {}).get("requestBody", {})
    return told


def is_described(rule: Rule, body: object) -> bool:
    schema = body_of(rule)["content"]["application/json"]["schema"]
    return Draft202012Validator({**schema, "components": DESCRIBED["components"]}).is_valid(body)


# Short paths are the same routes and not described; they are here for that.
SIGNED: Final = f"{API}/webhooks/pipeline-completed"
"""Reads nothing before its signature."""
TAKING = [rule for rule in RULES if rule.method == "POST" and body_of(rule) and rule.path != SIGNED]
ONE_NODE: Final = {"nodes": ["n1"]}
TICKET: Final = {"id": "a", "type": "INFER", "parameters": {"model": "m", "prompt": "p"}}
GOOD = {
    "users": {"name": "mallory", "role": "viewer", "password": ""},
    "second-factor": {"password": "x"},
    "confirm": {"code": "123456"},
    "off": {"password": "x", "code": "123456"},
    "login": {"username": "u", "password": "p", "code": ""},
    "token": {"username": "u", "password": "p", "code": ""},
    "password": {"current": "", "new": "a sentence nobody guesses"},
    "pull": ONE_NODE,
    "keys": {"name": "bot"},
    "orders": {"action": "reboot"},
    "exec": {"argv": ["true"]},
    "refusals": {"target": "u@h:22", "expected": "SHA256:a", "shown": "SHA256:b"},
    "invitations": {"minutes": 5.0},
    "jobs": {"name": "j", "source": "print(1)"},
    "pulls": {"model": "m", "nodes": ["n1"]},
    "pause": ONE_NODE,
    "resume": ONE_NODE,
    "cancel": ONE_NODE,
    "updates": {"models": ["m"]},
    "load": ONE_NODE,
    "unload": ONE_NODE,
    "pin": ONE_NODE,
    "copy": {"name": "m2"},
    "discover": {"kind": "service"},
    "instances": {"name": "s"},
    "discoveries": {"hosts": ["10.0.0.1"], "deep": True},
    "taken": {"address": "10.0.0.1", "port": 80},
    "marks": {"ok": True},
    "plans": {"tickets": [TICKET]},
    "plan-checks": {"tickets": [TICKET]},
    "replay": {},
    "signal": {"signal": "ticket_completed"},
    "tickets": TICKET | {"webhook_url": "https://93.184.216.34/hook"},
    "ticket-batches": {"tickets": [TICKET]},
    "revive": {},
    "heartbeat": {"progress": 0.5},
    "progress": {"progress": 0.5},
    "complete": {"value": 1},
    "fail": {"error": "it broke"},
    "slos": {"name": "chat", "target": 0.99},
    "openslo": {"yaml": "a: b"},
    "alerts": {"yaml": "a: b"},
    "policies": {"name": "calm", "actions": ["BLOCK_PULL"]},
    "resolve": {"reason": "it is mended"},
    "override": {"reason": "it is mended"},
    "alertmanager": {"version": "4"},
    "silences": {"matchers": [{"name": "slo", "value": "chat"}], "comment": "known"},
    "webhooks": {"url": "https://example.org/hook"},
    "redeliver": {},
    **BODIES,
}
RAW = {
    "not a number": b'{"count": NaN, "username": NaN, "model": NaN, "name": NaN, "nodes": NaN, "new": NaN}',
    "infinite": b'{"count": 1e999, "options": {"a": 1e999}}',
    "2^63": b'{"count": 9223372036854775808}',
    "2^70": b'{"count": 1180591620717411303424, "options": {"a": 1180591620717411303424}}',
    "5000 digits": b'{"count": ' + b"9" * 5000 + b"}",
    "half surrogate": b'{"username": "\\ud800", "model": "\\ud800", "name": "\\ud800", "nodes": ["\\ud800"], "new": "\\ud800"}',
    "not UTF-8": b'{"username": "\xff"}',
    "deep": b"[" * 900 + b"]" * 900,
    "deeper": b"[" * 100_000 + b"]" * 100_000,
    "twice": b'{"count": 1, "count": 2, "username": "a", "username": "b", "node": "n", "node": "m"}',
    "empty": b"",
    "array": b"[1]",
    "text": b'"x"',
    "trailing": b'{"count": 1} {"count": 2}',
    "cut off": b'{"count": ',
    "long key": b'{"' + b"k" * 500_000 + b'": 1}',
    "unknown key": b'{"count": 1, "extra": {"__proto__": 1}}',
}
TYPES = [True, "7", -1, 0, 1.5, None, [], {}, "\u0000", "a\u0000b", "x" * 100_000, "../../etc/passwd", "-flag", "a b"]


def ids(rule: Rule) -> str:
    return rule.path


@pytest.mark.parametrize("raw", RAW, ids=list(RAW))
@pytest.mark.parametrize("rule", TAKING, ids=ids)
def test_malformed_bodies(api: Api, rule: Rule, raw: str) -> None:
    began = time.monotonic()
    with api.local() as client:
        answer = client.post(path_of(rule), content=RAW[raw], headers={"Content-Type": "application/json"})
    optional = raw == "empty" and not body_of(rule).get("required", False)
    assert answer.status_code < 500, answer.text[:300]
    assert optional or answer.status_code in {400, 422, 429}, answer.text[:300]
    assert time.monotonic() - began < 5
    if answer.status_code >= 400:
        assert answer.json()["detail"]


@pytest.mark.parametrize("raw", RAW, ids=list(RAW))
def test_without_its_signature_no_body_is_looked_at(api: Api, raw: str) -> None:
    with api.local() as client:
        answer = client.post(SIGNED, content=RAW[raw], headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (401, "signature_refused")


@pytest.mark.parametrize("raw", RAW, ids=list(RAW))
def test_with_it_a_malformed_body_is_refused(api: Api, raw: str) -> None:
    began = time.monotonic()
    answer = said_of_a_pipeline(api, RAW[raw])
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input"), answer.text[:300]
    assert time.monotonic() - began < 1.0


@pytest.mark.parametrize("field", ["ticket_id", "succeeded", "detail", "url"])
def test_every_field_of_a_report_of_the_wrong_kind(api: Api, field: str) -> None:
    good = {"ticket_id": "0" * 36, "succeeded": True, "detail": "", "url": ""}
    for value in TYPES:
        answer = said_of_a_pipeline(api, json.dumps(good | {field: value}).encode())
        # What is a report at all is of a ticket that nobody knows.
        assert answer.status_code in {404, 422}, (field, value, answer.text[:300])


def said_of_a_pipeline(api: Api, body: bytes) -> httpx2.Response:
    key = key_of(read_secret(api.home.secrets / NAME))
    headers = {"Content-Type": "application/json", **signed(key, Claims(new_id(), int(time.time())), body)}
    with api.client() as client:
        return client.post(SIGNED, content=body, headers=headers)


@pytest.mark.parametrize("rule", TAKING, ids=ids)
def test_every_field_of_the_wrong_kind(api: Api, rule: Rule) -> None:
    name = rule.path.rpartition("/")[2]
    with api.local() as client:
        for field in GOOD[name]:
            for value in TYPES:
                answer = client.post(path_of(rule), json=GOOD[name] | {field: value})
                assert answer.status_code < 500, (field, value, answer.text[:300])
                if not is_described(rule, GOOD[name] | {field: value}):
                    assert answer.status_code in {422, 429}, (field, value)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
@pytest.mark.parametrize("rule", TAKING, ids=ids)
def test_bodies_that_a_foreign_form_could_send(api: Api, rule: Rule, kind: str) -> None:
    body = json.dumps(GOOD[rule.path.rpartition("/")[2]]).encode()
    with api.local() as client:
        answer = client.post(path_of(rule), content=body, headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "name",
    [
        "..%2f..%2fetc%2fpasswd", "sha256-..%2f", "%00", "a%00b", "%0a", "a%20b", "-flag", "x" * 10_000, "%ff", "%ed%a0%80",
        "%E2%80%AE", ":", "a:b:c", "a/" * 9 + "b",
    ],
)  # fmt: skip
def test_hostile_names_in_paths(api: Api, name: str) -> None:
    with api.local() as client:
        for method, path in (
            ("GET", f"/api/v1/nodes/{name}"),
            ("DELETE", f"/api/v1/models/{name}"),
            ("POST", f"/api/v1/models/{name}/pull"),
            ("POST", f"/api/v1/system/parts/{name}/restart"),
        ):
            answer = client.request(method, path, json={} if method == "POST" else None)
            assert answer.status_code in {404, 422}, (method, answer.text[:200])
    assert api.world.ordered == []


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=-1", "limit=501", "limit=1e3", "before=0", "before=9223372036854775808", "limit=x"]
)
def test_hostile_pages(api: Api, query: str) -> None:
    with api.local() as client:
        assert client.get(f"/api/v1/audit?{query}").status_code == 422


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "HEAD", "PROPFIND"])
@pytest.mark.parametrize("path", ["/api/v1/overview", "/api/v1/auth/login", "/health", "/workers"])
def test_methods_that_no_route_has(api: Api, method: str, path: str) -> None:
    with api.local() as client:
        answer = client.request(method, path, headers={"X-HTTP-Method-Override": "GET"})
    assert answer.status_code == 405
    assert "access-control-allow-origin" not in answer.headers


def test_refused_password_is_never_echoed(api: Api) -> None:
    with api.client() as client:
        answer = client.post("/api/v1/auth/login", json={"username": "u", "password": ["my secret"]})
    assert answer.status_code == 422
    assert "secret" not in answer.text


def test_no_websocket_rule_is_forgotten() -> None:
    paths = {rule.path for rule in RULES if rule.method == WEBSOCKET}
    assert paths == {"/api/v1/stream", "/dask/{path:path}", "/dask-view/{ticket}/{path:path}"}
