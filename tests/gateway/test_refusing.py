"""What is refused, in the shape that this path's clients know, and what only our own processes may see."""

import contextlib
import http.client
import json
from collections.abc import Iterator

import pytest

from cluster_ai.gateway.types import GatewayView
from tests.fakes.fleet import Fleet
from tests.fakes.raw import Heard
from tests.gateway.door import HI, TOKEN, Door, gateway, header
from tests.waiting import until

pytestmark = pytest.mark.real

WRONG = {
    "nothing": b"",
    "no JSON": b'{"model": ',
    "no object": b"[]",
    "no model": b"{}",
    "empty model": b'{"model": ""}',
    "model of a wrong kind": b'{"model": 7}',
    "model too long": json.dumps({"model": "m" * 400}).encode(),
    "stream of a wrong kind": b'{"model": "smollm2:135m", "stream": "yes"}',
    "not UTF-8": b'{"model": "\xff"}',
    "half a surrogate": b'{"model": "\\ud800"}',
    "NaN": b'{"model": "smollm2:135m", "options": {"temperature": NaN}}',
    "a key twice": b'{"model": "a", "model": "smollm2:135m"}',
    "nested too deep": b'{"model": "smollm2:135m", "x": ' + b"[" * 90 + b"]" * 90 + b"}",
}


def message(heard: Heard) -> str:
    """The error of either dialect; fails when the shape is not its own."""
    body = json.loads(heard.body)
    if isinstance(body["error"], str):
        return body["error"]
    assert set(body["error"]) == {"message", "type", "param", "code"}
    return str(body["error"]["message"])


@pytest.fixture(scope="module")
def quiet(running_fleet: Fleet) -> Iterator[Door]:
    """One gateway for all tests that leave it as it was."""
    running_fleet.default()
    with gateway(*running_fleet.nodes[:2]) as door:
        yield door


@pytest.mark.parametrize("path", ["/api/chat", "/api/embed", "/v1/chat/completions"])
@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_bodies_get_400_in_the_dialect(quiet: Door, path: str, wrong: str) -> None:
    if wrong == "stream of a wrong kind" and path == "/api/embed":
        path = "/api/generate"
    heard = quiet.ask(path, WRONG[wrong])
    assert heard.status == 400, heard.body
    assert message(heard)
    assert isinstance(json.loads(heard.body)["error"], str) == path.startswith("/api/")


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
def test_unknown_model_gets_404_with_those_that_are_known(quiet: Door, path: str) -> None:
    heard = quiet.ask(path, HI | {"model": "nothing:7b"})
    assert heard.status == 404
    assert message(heard) == "model 'nothing:7b' not found; this cluster has: all-minilm:latest, smollm2:135m"
    assert json.loads(heard.body).get("code", "model_not_found") == "model_not_found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/api/chat", "POST"),
        ("PUT", "/v1/chat/completions", "POST"),
        ("OPTIONS", "/api/chat", "POST"),
        ("POST", "/api/tags", "GET, HEAD"),
        ("DELETE", "/v1/models/x", "GET, HEAD"),
        ("POST", "/", "GET, HEAD"),
    ],
)
def test_wrong_method_gets_405_and_the_right_ones(quiet: Door, method: str, path: str, allowed: str) -> None:
    heard = quiet.ask(path, b"", method=method)
    assert (heard.status, header(heard, "allow")) == (405, allowed)
    assert message(heard)


@pytest.mark.parametrize(
    "path", ["/nothing", "/api", "/api/", "//api/tags", "/v1/nothing", "/api/chat/", "/v1/models/"]
)
def test_unknown_path_gets_404_in_the_dialect(quiet: Door, path: str) -> None:
    heard = quiet.ask(path)
    assert heard.status == 404
    assert isinstance(json.loads(heard.body)["error"], dict) == path.startswith("/v1/")


@pytest.mark.parametrize(
    "origin", ["http://evil.test", "null", "http://127.0.0.1:1", "https://127.0.0.1.evil.test", "http://[", "x"]
)
def test_pages_of_other_origins_cannot_use_models(quiet: Door, origin: str) -> None:
    heard = quiet.ask("/api/chat", HI, Origin=origin)
    assert heard.status == 403
    assert message(heard)
    assert not header(heard, "access-control-allow-origin")


def test_own_origin_and_no_origin_may(quiet: Door) -> None:
    host = f"127.0.0.1:{quiet.port}"
    assert quiet.ask("/api/chat", HI, Host=host, Origin=f"http://{host}").status == 200
    assert quiet.ask("/api/chat", HI).status == 200
    assert not header(quiet.ask("/api/tags", Origin="http://evil.test"), "access-control-allow-origin")


def test_state_is_for_our_own_processes(quiet: Door) -> None:
    assert quiet.ask("/-/state").status == 401
    for shown in ("Bearer ", "Bearer wrong", TOKEN.swapcase(), "Basic " + TOKEN, "Bearer \xe9"):
        heard = quiet.ask("/-/state", Authorization=shown)
        assert (heard.status, header(heard, "www-authenticate")) == (401, "Bearer"), shown
    view = GatewayView.model_validate_json(quiet.ask("/-/state", Authorization=f"Bearer {TOKEN}").body)
    assert [row.name for row in view.upstreams] == ["fake-0", "fake-1"]


def test_metrics_count_by_route_and_never_by_path(quiet: Door) -> None:
    for number in range(5):
        quiet.ask(f"/scan/{number}")
        quiet.ask(f"/v1/models/scan-{number}")
    text = quiet.ask("/metrics").body.decode()
    assert 'route="/api/chat"' in text
    assert 'route="unmatched",status="404"' in text
    assert "scan" not in text


def test_head_has_no_body(quiet: Door) -> None:
    for path in ("/", "/api/tags", "/api/version", "/health"):
        heard = quiet.ask(path, method="HEAD")
        assert (heard.status, heard.body) == (200, b"")
        assert int(header(heard, "content-length")) > 0
    assert quiet.ask("/").body == b"Ollama is running"


def test_body_over_the_cap_is_refused_without_reading_it(fleet: Fleet) -> None:
    with gateway(fleet.nodes[0], max_body_bytes=100_000) as door:
        heard = door.ask("/api/chat", HI | {"x": "x" * 200_000})
        assert heard.status == 413
        connection = http.client.HTTPConnection("127.0.0.1", door.port, timeout=5)
        try:
            # It is answered in the middle of what is sent, and the rest of that may find nobody.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request("POST", "/api/chat", iter([b"x" * 60_000] * 3))
            assert connection.getresponse().status == 413
        finally:
            connection.close()
        assert fleet.nodes[0].log() == ()
        assert door.chat().status == 200


def test_cluster_without_nodes_says_so() -> None:
    with gateway() as door:
        heard = door.ask("/api/chat", HI)
        assert heard.status == 503
        assert "no node" in message(heard)
        assert int(header(heard, "retry-after")) >= 1
        assert json.loads(door.ask("/api/tags").body) == {"models": []}
        assert json.loads(door.ask("/v1/models").body) == {"object": "list", "data": []}
        assert door.ask("/health").status == 200


def test_ollama_of_this_machine_is_found_and_lost_again(fleet: Fleet) -> None:
    node = fleet.nodes[2]
    node.kill()
    where = {"find_local_ollama": True, "local_ollama_url": node.url, "probe_seconds": 0.05}
    with gateway(fleet.nodes[0], **where) as door:

        def names() -> list[str]:
            return [row.name for row in door.state().upstreams]

        assert names() == ["fake-0"]
        node.set(models=["mine:1b"])
        node.restart()
        until(lambda: names() == ["fake-0", "local-ollama"], what="it is found")
        assert door.ask("/api/generate", {"model": "mine:1b", "prompt": "a"}).status == 200
        node.kill()
        until(lambda: door.ask("/api/generate", {"model": "mine:1b"}).status == 503, what="it is away")
        until(lambda: names() == ["fake-0"], what="it has left")
        assert door.ask("/api/generate", {"model": "mine:1b"}).status == 404
        node.restart()
        until(lambda: "local-ollama" in names(), what="it is found again")


def test_ollama_that_is_configured_is_not_found_twice(fleet: Fleet) -> None:
    node = fleet.nodes[0]
    with gateway(node, find_local_ollama=True, local_ollama_url=node.url, probe_seconds=0.02) as door:
        before = node.counters().paths["/api/tags"]
        node.until(lambda seen: seen.paths["/api/tags"] > before + 15, seconds=20)
        assert [row.name for row in door.state().upstreams] == ["fake-0"]
