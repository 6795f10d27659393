"""Whatever is sent in any dialect, the answer is one of that dialect: no 500, no hang, nothing left behind."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.fleet import FakeNode
from tests.gateway.door import Door

PATHS = (
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/responses",
    "/v1/chat/completions",
    "/api/chat",
    "/api/generate",
)
words = st.sampled_from(
    ["user", "assistant", "system", "tool", "text", "image", "tool_use", "tool_result", "hi", "", "\x00", "é"]
)
inside = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "role", "content", "name", "input", "function", "id", "source", "data", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
messages = st.lists(st.fixed_dictionaries({"role": words, "content": words | inside}), min_size=1, max_size=3)
fields = [
    "stream",
    "tools",
    "system",
    "options",
    "format",
    "stop",
    "max_tokens",
    "prompt",
    "input",
    "tool_choice",
    "images",
]
bodies = st.fixed_dictionaries(
    {"model": st.just("smollm2:135m") | words, "messages": messages},
    optional={"max_tokens": st.integers(-1, 9)} | dict.fromkeys(fields, inside),
)


@pytest.mark.parametrize("path", PATHS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies | inside)
def test_any_body_is_answered(fake: FakeNode, door_to_fake: Door, path: str, body: Any) -> None:
    heard = door_to_fake.ask(path, json.dumps(body).encode())
    assert heard.end == "fin"
    assert heard.status in {200, 400, 404, 501}, heard.data
    if heard.status == 200 and b"event-stream" not in heard.head and b"ndjson" not in heard.head:
        assert isinstance(json.loads(heard.body), dict)
    elif heard.status != 200:
        said = json.loads(heard.body)
        assert said["error"]
        assert (said.get("type") == "error") is path.startswith("/v1/messages")


def test_nothing_is_left_of_it(fake: FakeNode, door_to_fake: Door) -> None:
    fake.until(lambda seen: seen.in_flight == 0)
    assert door_to_fake.upstream(0).inflight == 0
    assert door_to_fake.state().inflight == 0
