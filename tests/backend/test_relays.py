"""Chat, pull and delete are passed on to the gateway: bytes, headers, refusals, breaks and leaving callers."""

import json
import socket

import pytest

from tests.backend.running import Api
from tests.backend.world import INTERNAL
from tests.waiting import until

CHAT = {"model": "smollm2:135m", "messages": [{"role": "user", "content": "Capital of France?"}]}


def test_chat_streams_with_the_gateways_reasons(api: Api) -> None:
    api.world.chat = [{"message": {"content": "Pa"}}, {"message": {"content": "ris"}}, {"done": True, "eval_count": 2}]
    with api.local() as client, client.stream("POST", "/api/v1/chat", json=CHAT) as answer:
        lines = [json.loads(line) for line in answer.iter_lines()]
    assert lines == api.world.chat
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["x-cluster-node"] == "n1"
    assert answer.headers["x-cluster-why"] == "resident, 0 in flight"
    assert len(answer.headers.get_list("x-request-id")) == 1


def test_callers_credentials_stay_here(api: Api) -> None:
    client, headers = api.signed_in()
    with client:
        assert client.post("/api/v1/chat", json=CHAT, headers=headers).status_code == 200
    sent = api.world.requests[-1]["headers"]
    assert sent["authorization"] == f"Bearer {INTERNAL}"
    assert "cookie" not in sent
    assert "x-csrf-token" not in sent


@pytest.mark.parametrize(("status", "ours"), [(404, 404), (400, 422), (503, 503), (500, 503), (302, 503)])
def test_gateways_refusal_becomes_a_problem(api: Api, status: int, ours: int) -> None:
    api.world.chat_status = status
    with api.local() as client:
        answer = client.post("/api/v1/chat", json=CHAT)
    assert answer.status_code == ours
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "said the gateway"
    assert answer.headers.get("retry-after") == ("7" if ours == 503 else None)


def test_break_in_the_middle_is_visible(api: Api) -> None:
    api.world.chat_dies = True
    with api.local() as client, client.stream("POST", "/api/v1/chat", json=CHAT) as answer:
        lines = [json.loads(line) for line in answer.iter_lines() if line]
    assert lines[0]["message"] == {"content": "Paris"}
    assert "broke" in lines[-1]["error"]


def test_caller_who_leaves_before_the_first_byte_stops_the_gateway(api: Api) -> None:
    api.world.chat_waits = True
    body = json.dumps(CHAT).encode()
    head = (
        f"POST /api/v1/chat HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {INTERNAL}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", api.port)) as caller:
        caller.sendall(head.encode() + body)
        until(lambda: api.world.requests, what="the gateway was asked")
        assert api.world.left == 0
    until(lambda: api.world.left == 1, seconds=1.0, what="the gateway saw its caller leave")


def test_dead_gateway_is_said(api: Api) -> None:
    with api.local() as client:
        api.plane.calls._gateway_url, kept = "http://127.0.0.1:9", api.plane.calls._gateway_url
        try:
            answer = client.post("/api/v1/chat", json=CHAT)
        finally:
            api.plane.calls._gateway_url = kept
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


def test_pull_is_passed_on_with_the_nodes_that_are_wanted(api: Api) -> None:
    for path, body, wanted in (
        ("/api/v1/models/owner%2Fname:1b/pull", {"nodes": ["n1", "n2"]}, "n1,n2"),
        ("/models/owner/name:1b/pull", {"nodes": ["all"]}, "all"),
        ("/models/owner/name:1b/pull", {}, None),
    ):
        with api.local() as client, client.stream("POST", path, json=body) as answer:
            lines = [json.loads(line)["status"] for line in answer.iter_lines()]
        assert lines == ["pulling", "success"]
        assert answer.headers["x-cluster-node"] == "n1"
        sent = api.world.requests[-1]
        assert sent["body"] == {"model": "owner/name:1b", "stream": True}
        assert sent["headers"].get("x-cluster-node") == wanted
        assert sent["headers"]["authorization"] == f"Bearer {INTERNAL}"


@pytest.mark.parametrize("body", [{"nodes": []}, {"nodes": "n1"}, {"node": "n1"}, {"nodes": ["a,b"]}, {"nodes": ["é"]}])
def test_pull_names_nodes_or_none(api: Api, body: dict[str, object]) -> None:
    with api.local() as client:
        assert client.post("/models/m/pull", json=body).status_code == 422
    assert api.world.requests == []


def node_failed(error: str, **more: object) -> dict[str, object]:
    return {"error": error, "code": "node_failed", "node": "b"} | more


@pytest.mark.parametrize(
    ("status", "said", "ours", "code"),
    [
        (404, {"error": "no node is called n9", "code": "not_found"}, 404, "not_found"),
        (403, {"error": "evil.test is no registry", "code": "registry_refused"}, 403, "registry_refused"),
        (403, {"error": "this cluster fetches no models", "code": "pull_refused"}, 403, "pull_refused"),
        (400, {"error": "model is required", "code": "invalid_input"}, 422, "invalid_input"),
        (401, {"error": "who are you", "code": "key_refused"}, 503, "unavailable"),
        (503, {"error": "all are down", "code": "unavailable"}, 503, "unavailable"),
        (404, node_failed("b: file does not exist"), 404, "node_failed"),
        (501, node_failed("embedded: this node cannot pull"), 501, "node_cannot_manage_models"),
        (507, node_failed("b: no space left on device"), 502, "node_failed"),
        (502, node_failed("b: no space left", nodes={"a": "done", "b": "no space left"}), 502, "node_failed"),
    ],
)
def test_a_refused_pull_keeps_its_code(
    api: Api, status: int, said: dict[str, object], ours: int, code: str
) -> None:  # fmt: skip
    api.world.pull_refused = (status, said)
    with api.local() as client:
        answer = client.post("/api/v1/models/m/pull", json={})
        last = client.get("/api/v1/audit?limit=1").json()["items"][0]
    assert (answer.status_code, answer.json()["code"]) == (ours, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert str(said["error"]) in answer.json()["detail"]
    assert ("done on a" in answer.json()["detail"]) == ("nodes" in said)
    assert (last["action"], last["outcome"]) == ("pull_model", code)


def audited(api: Api) -> list[tuple[str, str]]:
    with api.local() as client:
        return [(row["action"], row["outcome"]) for row in client.get("/api/v1/audit?limit=2").json()["items"]]


@pytest.mark.parametrize(
    ("last", "outcome"),
    [({"status": "success"}, "done"), ({"error": "b: it broke", "code": "node_failed"}, "node_failed")],
)
def test_a_pull_is_recorded_when_it_begins_and_when_it_ends(api: Api, last: dict[str, str], outcome: str) -> None:
    api.world.pull = [{"status": "pulling"}, last]
    with api.local() as client:
        assert client.post("/api/v1/models/m/pull", json={}).status_code == 200
    until(lambda: audited(api) == [("pull_model", outcome), ("pull_model", "begun")], what="both are in the log")


def test_a_caller_who_leaves_a_pull_is_recorded(api: Api) -> None:
    api.world.pull, api.world.pull_waits = [{"status": "pulling"}], True
    with api.local() as client, client.stream("POST", "/api/v1/models/m/pull", json={}) as answer:
        lines = answer.iter_lines()
        assert json.loads(next(lines)) == {"status": "pulling"}
        assert audited(api)[0] == ("pull_model", "begun")
    until(lambda: audited(api) == [("pull_model", "left"), ("pull_model", "begun")], what="the log says so")
    api.world.pull_waits = False


def test_delete_says_where(api: Api) -> None:
    api.world.serve_nodes("n1", "n2")
    with api.local() as client:
        assert client.delete("/api/v1/models/smollm2:135m").json()["nodes"] == ["n1", "n2"]
        assert client.delete("/models/smollm2:135m?node=n2&node=n1").status_code == 200
    sent = [(row["path"], row["body"], row["headers"].get("x-cluster-node")) for row in api.world.requests]
    gone = ("/api/delete", {"model": "smollm2:135m"})
    assert sent == [(*gone, None), (*gone, "n2,n1")]


def test_workers_are_added_to_those_that_stand(api: Api) -> None:
    with api.local() as client:
        assert client.post("/api/v1/workers", json={"count": 2}).json() == {"workers": 3}
        assert client.post("/workers", json={"count": 16}).status_code == 422
        assert client.post("/workers", json={"count": True}).status_code == 422
        assert client.post("/api/v1/system/parts/nothing/restart").status_code == 404
    assert api.world.ordered == [("add", 2)]
