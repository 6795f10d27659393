"""Chat, pull and delete are passed on: bytes, headers, refusals, breaks and leaving callers."""

import json
import socket

import pytest

from cluster_ai.gateway.types import UpstreamKind, UpstreamState
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
        api.plane.nodes._gateway_url, kept = "http://127.0.0.1:9", api.plane.nodes._gateway_url
        try:
            answer = client.post("/api/v1/chat", json=CHAT)
        finally:
            api.plane.nodes._gateway_url = kept
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


def test_pull_streams_a_nodes_progress(api: Api) -> None:
    for path in ("/api/v1/models/owner%2Fname:1b/pull", "/models/owner/name:1b/pull"):
        with api.local() as client, client.stream("POST", path, json={"node": "n1"}) as answer:
            lines = [json.loads(line)["status"] for line in answer.iter_lines()]
        assert lines == ["pulling manifest", "success"]
        assert api.world.requests[-1]["body"] == {"model": "owner/name:1b", "stream": True}
        assert "authorization" not in api.world.requests[-1]["headers"], "nodes never see our token"


def test_pull_is_refused_where_nobody_can(api: Api) -> None:
    def pull(model: str = "m", **body: str) -> tuple[int, str]:
        api.tick()
        with api.local() as client:
            answer = client.post(f"/api/v1/models/{model}/pull", json=body)
        return answer.status_code, answer.json()["code"]

    assert pull(node="n9") == (404, "not_found")
    assert pull("evil.test/owner/name") == (403, "registry_refused")
    assert pull("10.0.0.1:80/x") == (422, "invalid_input")
    api.world.pull_status = 404
    assert pull() == (404, "not_found")
    api.world.serve_nodes("n1", state=UpstreamState.DOWN)
    assert pull() == (503, "unavailable")
    api.world.serve_nodes("n1", kind=UpstreamKind.EMBEDDED)
    assert pull() == (501, "node_cannot_manage_models")


def test_delete_asks_every_holder(api: Api) -> None:
    api.world.serve_nodes("n1", "n2")
    api.tick()
    with api.local() as client:
        assert client.delete("/api/v1/models/smollm2:135m").json() == {"nodes": ["n1", "n2"], "failed": {}}
        assert client.delete("/models/smollm2:135m?node=n2").json()["nodes"] == ["n2"]
        assert client.delete("/models/nothing").status_code == 404
    asked = [request for request in api.world.requests if request["path"] == "/api/delete"]
    assert [request["body"] for request in asked] == [{"model": "smollm2:135m"}] * 3


def test_workers_are_added_to_those_that_stand(api: Api) -> None:
    with api.local() as client:
        assert client.post("/api/v1/workers", json={"count": 2}).json() == {"workers": 3}
        assert client.post("/workers", json={"count": 16}).status_code == 422
        assert client.post("/workers", json={"count": True}).status_code == 422
        assert client.post("/api/v1/system/parts/nothing/restart").status_code == 404
    assert api.world.ordered == [("add", 2)]
