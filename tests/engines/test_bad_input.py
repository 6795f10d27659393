"""Whatever is sent, the answer is a 4xx in the dialect of its path, soon, and the node goes on."""

import json
import socket
from typing import Any

import pytest

from tests.engines.running import CHAT, RunningNode

pytestmark = pytest.mark.real

HELLO = [{"role": "user", "content": "Hi"}]
CHAT_BODY = {"model": CHAT, "messages": HELLO, "options": {"num_predict": 1}, "stream": False}


def chat(**change: Any) -> dict[str, Any]:
    return CHAT_BODY | change


def option(name: str, value: Any) -> dict[str, Any]:
    return chat(options={"num_predict": 1, name: value})


RAW = {
    "empty": b"",
    "not JSON": b"{model:",
    "array": b"[1]",
    "trailing": b'{"model":"x"} {}',
    "not UTF-8": b'{"model":"\xff"}',
    "half surrogate": b'{"model":"\\ud800"}',
    "NaN": b'{"model":"x","options":{"temperature":NaN}}',
    "1e999": b'{"model":"x","options":{"temperature":1e999}}',
    "2^70": b'{"model":"x","options":{"seed":1180591620717411303424}}',
    "key twice": b'{"model":"x","model":"y"}',
    "deep": b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "5000 digits": b'{"model":"x","keep_alive":' + b"9" * 5000 + b"}",
}
CHATS = {
    "no model": {"messages": HELLO},
    "model null": chat(model=None),
    "model number": chat(model=5),
    "messages object": chat(messages={}),
    "messages of texts": chat(messages=["Hi"]),
    "unknown role": chat(messages=[{"role": "root", "content": "Hi"}]),
    "content number": chat(messages=[{"role": "user", "content": 7}]),
    "too many messages": chat(messages=HELLO * 10_001),
    "images": chat(messages=[{"role": "user", "content": "Hi", "images": ["aGk="]}]),
    "tool call without function": chat(messages=[{"role": "assistant", "tool_calls": [{}]}]),
    "stream text": chat(stream="yes"),
    "options list": chat(options=[]),
    "temperature text": option("temperature", "hot"),
    "temperature true": option("temperature", True),
    "temperature below": option("temperature", -1),
    "top_p above": option("top_p", 1.5),
    "num_predict half": option("num_predict", 1.5),
    "num_ctx below": option("num_ctx", -1),
    "repeat_penalty zero": option("repeat_penalty", 0),
    "stop number": option("stop", 5),
    "stop empty": option("stop", [""]),
    "stop list too long": option("stop", ["x"] * 100_000),
    "format text": chat(format="xml"),
    "format bad type": chat(format={"type": 5}),
    "format loop": chat(format={"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}),
    "format remote": chat(format={"$ref": "https://example.invalid/schema.json"}),
    "format huge": chat(format={"type": "array", "items": {"type": "integer"}, "minItems": 100_000_000}),
    "format of too many properties": chat(
        format={"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(2000)}}
    ),
    "keep_alive word": chat(keep_alive="soon"),
    "keep_alive list": chat(keep_alive=[]),
    "think": chat(think=True),
    "top_logprobs": chat(top_logprobs=10_000),
    "prompt too long": chat(messages=[{"role": "user", "content": "word " * 5000}]),
    "embedding model": chat(model="all-minilm"),
}
GENERATES = {
    "suffix": {"model": CHAT, "prompt": "Hi", "suffix": "there"},
    "template": {"model": CHAT, "prompt": "Hi", "template": "{{ .Prompt }}"},
    "images": {"model": CHAT, "prompt": "Hi", "images": ["aGk="]},
    "prompt list": {"model": CHAT, "prompt": ["Hi"]},
    "raw too long": {"model": CHAT, "prompt": "word " * 5000, "raw": True},
}
EMBEDS = {
    "no input": {"model": "all-minilm"},
    "numbers": {"model": "all-minilm", "input": [1, 2]},
    "too many": {"model": "all-minilm", "input": ["x"] * 5000},
    "chat model": {"model": CHAT, "input": "x"},
    "negative dimensions": {"model": "all-minilm", "input": "x", "dimensions": -1},
}
OPENAI_CHATS = {
    "no messages": {"model": CHAT},
    "empty messages": {"model": CHAT, "messages": []},
    "image": {"model": CHAT, "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
    "format": {"model": CHAT, "messages": HELLO, "response_format": {"type": "xml"}},
    "two answers": {"model": CHAT, "messages": HELLO, "n": 2},
    "temperature": {"model": CHAT, "messages": HELLO, "temperature": "1"},
    "too long": {"model": CHAT, "messages": [{"role": "user", "content": "word " * 5000}]},
}


@pytest.mark.parametrize("why", RAW)
@pytest.mark.parametrize("path", ["/api/chat", "/api/embed", "/api/show", "/v1/chat/completions"])
def test_body_that_is_no_object(served: RunningNode, path: str, why: str) -> None:
    answer = served.ask(path, RAW[why], method="POST")
    assert answer.status == 400
    error = answer.json["error"]
    assert (error["message"] if path.startswith("/v1") else error).strip()


@pytest.mark.parametrize("why", CHATS)
def test_chat(served: RunningNode, why: str) -> None:
    for stream in (True, False):
        body = CHATS[why] if why == "stream text" else CHATS[why] | {"stream": stream}
        answer = served.ask("/api/chat", body)
        assert answer.status == 400, answer.raw[:300]
        assert set(answer.json) == {"error"}
        assert 5 < len(answer.json["error"]) < 1000


@pytest.mark.parametrize("why", GENERATES)
def test_generate(served: RunningNode, why: str) -> None:
    answer = served.ask("/api/generate", GENERATES[why])
    assert (answer.status, set(answer.json)) == (400, {"error"})


@pytest.mark.parametrize("why", EMBEDS)
def test_embed(served: RunningNode, why: str) -> None:
    answer = served.ask("/api/embed", EMBEDS[why])
    assert (answer.status, set(answer.json)) == (400, {"error"})


@pytest.mark.parametrize("why", OPENAI_CHATS)
def test_openai_chat(served: RunningNode, why: str) -> None:
    answer = served.ask("/v1/chat/completions", OPENAI_CHATS[why])
    assert answer.status == 400
    assert answer.json["error"]["type"] == "invalid_request_error"
    assert set(answer.json["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("name", ["nope", "../../etc/passwd", "sha256-..%2f", "a b", "x\n", "-flag", "n" * 10_000])
def test_unknown_model(served: RunningNode, name: str) -> None:
    for path in ("/api/chat", "/api/generate", "/api/embed", "/api/embeddings", "/api/show"):
        body = {"model": name, "messages": HELLO, "prompt": "Hi", "input": "Hi"}
        answer = served.ask(path, body)
        assert answer.status == 404
        assert answer.json["error"] == f"model '{name[:200]}' not found"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/chat", 405),
        ("POST", "/api/tags", 405),
        ("DELETE", "/v1/models", 405),
        ("GET", "/api/nope", 404),
        ("GET", "/v1/nope", 404),
        ("GET", "/api//tags", 404),
        ("GET", "/v1/models/nope", 404),
        ("TRACE", "/", 405),
        ("POST", "/api/push", 501),
        ("POST", "/api/create", 501),
        ("POST", "/api/copy", 501),
        ("DELETE", "/api/delete", 501),
        ("POST", "/api/blobs/sha256:00", 501),
    ],
)
def test_wrong_door(served: RunningNode, method: str, path: str, status: int) -> None:
    answer = served.ask(path, {"model": "x"} if method in {"POST", "DELETE"} else None, method=method)
    assert answer.status == status
    assert answer.json["error"]


def test_page_from_elsewhere_is_refused(served: RunningNode) -> None:
    assert served.ask("/api/chat", CHAT_BODY, Origin="https://evil.test").status == 403
    assert served.ask("/api/tags", Origin="null").status == 403
    assert served.ask("/api/tags", Host="evil.test").status == 421
    own = served.ask("/api/tags", Origin="http://localhost:3000")
    assert own.status == 200
    assert not [name for name in own.headers if name.lower().startswith("access-control")]


def test_body_over_the_cap(served: RunningNode) -> None:
    with socket.create_connection(("127.0.0.1", served.port)) as peer:
        peer.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 40000000\r\n\r\n")
        assert b" 413 " in peer.recv(200)


def test_null_and_unknown_fields_are_let_pass(served: RunningNode) -> None:
    body = CHAT_BODY | {"format": None, "keep_alive": None, "think": False, "shift": True, "tools": []}
    body["options"] = {"num_predict": 1, "n_discard": -5, "numa": True, "mirostat": "x", "temperature": None}
    assert served.ask("/api/chat", body).status == 200


def test_warnings_for_what_was_not_done(served: RunningNode) -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
    answer = served.ask("/api/chat", CHAT_BODY | {"tools": [tool], "options": {"num_predict": 1, "num_ctx": 100_000}})
    assert answer.status == 200
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert "tools dropped: smollm2:135m does not support tools" in headers["x-cluster-warning"]
    assert "num_ctx 100000 lowered to 2048" in headers["x-cluster-warning"]
    openais = served.ask("/v1/chat/completions", {"model": CHAT, "messages": HELLO, "max_tokens": 1, "tools": [tool]})
    assert "x-cluster-warning" in {name.lower() for name in openais.headers}


def test_what_clients_read_before_they_ask(served: RunningNode) -> None:
    assert served.ask("/").raw == b"Ollama is running"
    assert served.ask("/", method="HEAD").status == 200
    assert served.ask("/api/tags", method="HEAD").status == 200
    version = served.ask("/api/version").json["version"]
    assert [int(part) for part in version.split(".")] >= [0, 6]
    assert b"cluster_ai_http_requests_total" in served.ask("/metrics").raw
    assert json.loads(served.ask("/v1/models").raw)["object"] == "list"
