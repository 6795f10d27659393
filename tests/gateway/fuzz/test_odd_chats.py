"""Chats as large, as deep and as strange as they come: an answer or a refusal soon, and others are not held up by it."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.fleet import Fleet
from tests.fakes.raw import MODEL
from tests.gateway.door import Door, gateway

pytestmark = pytest.mark.real

LOOP: dict[str, Any] = {
    "type": "object",
    "properties": {"x": {"$ref": "#/$defs/x"}},
    "$defs": {"x": {"$ref": "#/$defs/x"}},
}
ODD: dict[str, dict[str, Any]] = {
    "no messages": {"messages": None},
    "empty messages": {"messages": []},
    "messages of another kind": {"messages": "hi"},
    "a message that is none": {"messages": [7, None, "x", [], {}]},
    "a role nobody knows": {"messages": [{"role": "president", "content": "hi"}]},
    "content of another kind": {"messages": [{"role": "user", "content": {"a": [1]}}]},
    "a hundred thousand messages": {"messages": [{"role": "user", "content": "hi"}] * 100_000},
    "a message of 20 MB": {"messages": [{"role": "user", "content": "a" * 20_000_000}]},
    "a picture that is none": {"messages": [{"role": "user", "content": "x", "images": ["no base64 \u00e9", 7]}]},
    "a large picture": {"messages": [{"role": "user", "content": "x", "images": ["A" * 8_000_000]}]},
    "stream as a word": {"stream": "yes"},
    "stream as a number": {"stream": 1},
    "options of another kind": {"options": [1]},
    "a context below nothing": {"options": {"num_ctx": -1, "n_discard": -5, "num_predict": -9}},
    "a context beyond reason": {"options": {"num_ctx": 2**62}, "max_tokens": 2**62},
    "options nobody knows": {"options": {"__class__": 1, "no-such": {"a": []}}},
    "a hundred thousand stops": {"stop": ["x"] * 100_000, "options": {"stop": ["x"] * 100_000}},
    "a schema that refers to itself": {"format": LOOP},
    "tools that refer to themselves": {"tools": [{"type": "function", "function": {"name": "f", "parameters": LOOP}}]},
    "tools that are none": {"tools": [None, 7, {"function": []}, {"type": "x"}]},
    "a thousand tools": {"tools": [{"type": "function", "function": {"name": f"f{n}", "parameters": {}}} for n in range(1000)]},
    "many choices": {"n": 2**31},
    "time to keep it of another kind": {"keep_alive": {"a": 1}},
    "a long name": {"model": "m" * 10_240},
    "a name that climbs": {"model": "../../../../etc/passwd"},
    "a name with a line": {"model": "a\nX-Evil: 1"},
    "a name like an option": {"model": "-oProxyCommand=x"},
    "a name in another case": {"model": MODEL.upper()},
    "a hundred thousand unknown fields": {f"x{n}": n for n in range(100_000)},
}  # fmt: skip
PATHS = ("/api/chat", "/api/generate", "/v1/chat/completions", "/v1/messages")


@pytest.fixture(scope="module")
def door(running_fleet: Fleet) -> Iterator[Door]:
    running_fleet.default()
    with gateway(*running_fleet.nodes[:2], queue_seconds=2.0) as started:
        assert started.chat().status == 200
        yield started
        assert started.state().inflight == 0
        assert {row.breaker for row in started.state().upstreams} == {"closed"}


@pytest.mark.parametrize("path", PATHS)
def test_it_is_answered_or_refused(door: Door, path: str) -> None:
    slow, over = [0.0], threading.Event()

    def somebody_else() -> None:
        while not over.wait(0.05):
            slow.append(door.ask("/api/version").seconds)

    beside = threading.Thread(target=somebody_else)
    beside.start()
    try:
        for name, fields in ODD.items():
            body = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}], "prompt": "hi", "max_tokens": 5}
            began = time.monotonic()
            heard = door.ask(path, body | fields, timeout=30)
            assert time.monotonic() - began < 15, name
            assert heard.status in {200, 400, 404, 413, 501}, (name, heard.body[:300])
            if heard.status != 200:
                assert json.loads(heard.body)["error"], name
    finally:
        over.set()
        beside.join()
    print(path, f"others waited {max(slow):.2f} s at most")
    assert max(slow) < 5
