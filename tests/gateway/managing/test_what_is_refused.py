"""Who may not change models, what may not be fetched, and what never reaches a node."""

import contextlib
import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.types import Message

from backend.gateway.answers import Asked
from backend.gateway.doors import Route
from backend.gateway.managing import managing_routes
from cluster_ai.core.errors import ClusterError, Forbidden
from cluster_ai.keys.types import INFERENCE, Caller
from tests.fakes.fleet import Fleet
from tests.gateway.conftest import Answer, Gateway
from tests.gateway.door import Door
from tests.gateway.door import gateway as opened

CHANGES = [
    ("POST", "/api/pull", {"model": "new:1b"}),
    ("POST", "/api/push", {"model": "smollm2:135m"}),
    ("POST", "/api/create", {"model": "x", "from": "smollm2:135m"}),
    ("POST", "/api/copy", {"source": "smollm2:135m", "destination": "x"}),
    ("DELETE", "/api/delete", {"model": "smollm2:135m"}),
    ("POST", "/api/blobs/sha256:" + "0" * 64, {}),
    ("HEAD", "/api/blobs/sha256:" + "0" * 64, {}),
]
each_change = pytest.mark.parametrize(
    ("method", "path", "fields"), CHANGES, ids=[f"{m} {p[:10]}" for m, p, _ in CHANGES]
)


def route(routes: list[Route], path: str) -> Route:
    return next(row for row in routes if path.startswith(row.path))


def asked(method: str, path: str, peer: str = "127.0.0.1") -> Asked:
    async def receive() -> Message:
        raise AssertionError("the body is not read before the caller is known")

    async def send(_: Message) -> None:
        raise AssertionError("nothing is answered here")

    scope = {"type": "http", "method": method, "path": path, "headers": [], "client": (peer, 1)}
    return Asked(scope, receive, send)


@each_change
@pytest.mark.anyio
async def test_a_key_without_the_scope_changes_nothing(method: str, path: str, fields: Any) -> None:
    routes = managing_routes(lambda _: Caller("k1", "a key", frozenset({INFERENCE})))
    with pytest.raises(Forbidden):
        await route(routes, path).door(asked(method, path), None)  # type: ignore[arg-type]


@each_change
@pytest.mark.anyio
async def test_whoever_is_refused_at_the_gate_is_refused_first(method: str, path: str, fields: Any) -> None:
    class Refused(ClusterError):
        pass

    def gate(_: Asked) -> Caller:
        raise Refused("no")

    with pytest.raises(Refused):
        await route(managing_routes(gate), path).door(asked(method, path), None)  # type: ignore[arg-type]


@each_change
@pytest.mark.real
def test_pages_of_other_origins_change_nothing(cluster: Gateway, method: str, path: str, fields: Any) -> None:
    if method == "HEAD":
        return  # changes nothing, and tells a page nothing
    answer = cluster.ask(method, path, fields, origin="http://evil.test")
    assert answer.status == 403
    assert untouched(cluster)


def untouched(cluster: Gateway) -> bool:
    paths = {path for node in cluster.fleet.nodes for path in node.counters().paths}
    return not any(
        path.removeprefix("/api/").split("/")[0] in {"pull", "push", "create", "copy", "delete", "blobs"}
        for path in paths
    )


@pytest.mark.real
@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/api/pull", {"model": "../../etc/passwd"}, 400, "invalid_input"),
        ("/api/pull", {"model": "a b"}, 400, "invalid_input"),
        ("/api/pull", {"model": "x" * 10_000}, 400, "invalid_input"),
        ("/api/pull", {"model": "-flag"}, 400, "invalid_input"),
        ("/api/pull", {}, 400, "invalid_input"),
        ("/api/pull", {"model": "evil.test/x/y"}, 403, "registry_refused"),
        ("/api/pull", {"model": "a", "Model": "evil.test/x/y"}, 400, "invalid_input"),
        ("/api/pull", {"model": "a", "insecure": True}, 403, "registry_refused"),
        ("/api/push", {"model": "evil.test/x/y"}, 403, "registry_refused"),
        ("/api/push", {"model": "nothing"}, 404, "not_found"),
        ("/api/create", {"model": "a", "modelfile": "FROM /etc/passwd"}, 400, "invalid_input"),
        ("/api/create", {"model": "a", "from": "evil.test/x/y"}, 403, "registry_refused"),
        ("/api/create", {"model": "a", "files": {"x": "sha256:../../x"}}, 400, "invalid_input"),
        ("/api/create", {"model": "a", "files": {"../x": "sha256:" + "0" * 64}}, 400, "invalid_input"),
        ("/api/copy", {"source": "smollm2:135m"}, 400, "invalid_input"),
        ("/api/copy", {"source": "smollm2:135m", "destination": "../x"}, 400, "invalid_input"),
        ("/api/copy", [], 400, "invalid_input"),
    ],
)
def test_what_is_wrong_is_refused_here(cluster: Gateway, path: str, body: Any, status: int, code: str) -> None:
    answer = cluster.ask("POST", path, body)
    assert (answer.status, answer.json["code"]) == (status, code)
    assert untouched(cluster)


@pytest.mark.real
@pytest.mark.parametrize("path", ["/api/delete", "/api/pull"])
def test_other_methods_are_refused(cluster: Gateway, path: str) -> None:
    method = "POST" if path == "/api/delete" else "GET"
    answer = cluster.ask(method, path, b"" if method == "POST" else None)
    assert answer.status == 405
    assert answer.headers["allow"] == ("DELETE" if method == "POST" else "POST")


@pytest.mark.real
def test_credentials_of_the_client_reach_no_node(cluster: Gateway) -> None:
    shown = {"authorization": "Bearer secret", "cookie": "a=secret", "x_secret": "secret"}
    for method, path, fields in CHANGES:
        cluster.ask(method, path, fields, **shown)
    seen = [row for node in cluster.fleet.nodes for row in node.log()]
    assert {row.path[5:9] for row in seen} == {"pull", "push", "crea", "copy", "dele", "blob"}
    assert "secret" not in json.dumps([row.headers for row in seen])


@contextlib.contextmanager
def gateway_of(fleet: Fleet, **settings: Any) -> Iterator[Door]:
    with opened(*fleet.nodes[:2], **settings) as door:
        yield door


def ask(door: Door, path: str, fields: Any, method: str = "POST") -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=20)
    connection.request(method, path, json.dumps(fields))
    answer = connection.getresponse()
    said = Answer(answer.status, dict(answer.getheaders()), answer.read(), broken=False)
    connection.close()
    return said


@pytest.mark.real
def test_the_configuration_says_what_may_be_fetched(fleet: Fleet) -> None:
    with gateway_of(fleet, allow_pull=False, registries=("hf.co",)) as door:
        refused = ask(door, "/api/pull", {"model": "new:1b"})
        assert (refused.status, refused.json["code"]) == (403, "pull_refused")
        assert ask(door, "/api/create", {"model": "x", "from": "hf.co/owner/x", "stream": False}).status == 200
        assert ask(door, "/api/create", {"model": "x", "from": "registry.ollama.ai/library/x"}).status == 403
    with gateway_of(fleet, registries=("hf.co",)) as door:
        assert ask(door, "/api/pull", {"model": "hf.co/owner/x", "stream": False}).status == 200
        assert ask(door, "/api/pull", {"model": "mine.lan/owner/x"}).status == 403


@pytest.mark.real
def test_the_roomiest_node_gets_a_new_model(fleet: Fleet) -> None:
    rows = [
        {"name": "small", "url": fleet.nodes[0].url, "models_bytes": 1_000_000_000},
        {"name": "large", "url": fleet.nodes[1].url, "models_bytes": 9_000_000_000},
        {"name": "unknown", "url": fleet.nodes[2].url},
    ]
    with opened(upstreams=rows) as door:
        answer = ask(door, "/api/pull", {"model": "new:1b"})
        assert answer.headers["x-cluster-node"] == "large"


@pytest.mark.real
def test_a_cluster_without_nodes_says_so() -> None:
    with opened() as door:
        answer = ask(door, "/api/pull", {"model": "new:1b"})
        assert (answer.status, answer.json["code"]) == (503, "unavailable")
        assert ask(door, "/api/delete", {"model": "new:1b"}, "DELETE").status == 404
        assert ask(door, "/api/blobs/sha256:" + "0" * 64, {}, "POST").status == 503
