"""A whole answer put together from a stream is what the node itself says in one piece."""

import json
import urllib.request
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster_ai.gateway.dialects.aggregate import records_in, streamed_body, whole_of
from tests.engines.running import RunningNode
from tests.fakes.fleet import FakeNode

SAID = [{"role": "user", "content": "What is the capital of France?"}]
TOOL = {"type": "function", "function": {"name": "paint", "parameters": {"type": "object", "properties": {}}}}
VOLATILE = {"created_at", "created", "id", "total_duration", "load_duration", "prompt_eval_duration", "eval_duration"}


def post(url: str, body: bytes) -> bytes:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def both(url: str, path: str, fields: dict[str, Any]) -> tuple[Any, Any]:
    """The answer put together from a stream, and the one that the node says in one piece."""
    whole = whole_of(path)
    for record in records_in(post(url + path, streamed_body(path, fields)).splitlines()):
        whole.add(record)
    direct = json.loads(post(url + path, json.dumps({**fields, "stream": False}).encode()))
    return plain(json.loads(whole.body())), plain(direct)


def plain(value: Any) -> Any:
    """Without what differs from one answer to the next, and without nulls: to every client they say nothing."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if key not in VOLATILE and inner is not None}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/api/chat", {"messages": SAID}),
        ("/api/chat", {"messages": SAID, "tools": [TOOL]}),
        ("/api/chat", {"messages": SAID, "options": {"num_predict": 5}}),
        ("/api/generate", {"prompt": "hello"}),
        ("/v1/chat/completions", {"messages": SAID}),
        ("/v1/chat/completions", {"messages": SAID, "max_tokens": 3}),
        ("/v1/completions", {"prompt": "hello"}),
    ],
)
def test_as_the_fake_node_says_it(fake: FakeNode, path: str, fields: dict[str, Any]) -> None:
    fake.set(tool_calls="tools" in fields, pad=7)
    ours, theirs = both(fake.url, path, {"model": "smollm2:135m", **fields})
    assert ours == theirs
    assert ours["pad"] == "xxxxxxx" if "pad" in theirs else True


def test_a_call_of_the_older_endpoint_is_put_together(fake: FakeNode) -> None:
    fake.set(tool_calls=True)
    fields = {"model": "smollm2:135m", "messages": SAID, "tools": [TOOL]}
    ours, theirs = both(fake.url, "/v1/chat/completions", fields)
    assert ours["choices"][0]["message"]["tool_calls"] == theirs["choices"][0]["message"]["tool_calls"]
    assert ours["choices"][0]["finish_reason"] == "tool_calls"


SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
STILL = {"temperature": 0, "num_predict": 12}


@pytest.mark.real
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/api/chat", {"messages": SAID, "options": STILL}),
        ("/api/chat", {"messages": SAID, "options": STILL, "logprobs": True, "top_logprobs": 2}),
        ("/api/chat", {"messages": SAID, "options": STILL, "format": SCHEMA}),
        ("/api/generate", {"prompt": "The capital of France", "raw": True, "options": STILL, "logprobs": True}),
        ("/v1/chat/completions", {"messages": SAID, "temperature": 0, "max_tokens": 12}),
        ("/v1/chat/completions", {"messages": SAID, "temperature": 0, "max_tokens": 5, "logprobs": True}),
        ("/v1/completions", {"prompt": "The capital", "temperature": 0, "max_tokens": 6, "logprobs": 1}),
    ],
)
def test_as_the_real_node_says_it(embedded: RunningNode, path: str, fields: dict[str, Any]) -> None:
    ours, theirs = both(embedded.url, path, {"model": "smollm2:135m", **fields})
    assert ours == theirs


def chat_chunk(**delta: Any) -> dict[str, Any]:
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


def put_together(path: str, records: list[dict[str, Any]]) -> Any:
    whole = whole_of(path)
    for record in records:
        whole.add(record)
    return json.loads(whole.body())


def test_calls_in_bits_are_merged_by_their_index() -> None:
    def call(index: int, **more: Any) -> dict[str, Any]:
        return chat_chunk(tool_calls=[{"index": index, **more}])

    answer = put_together(
        "/v1/chat/completions",
        [
            chat_chunk(role="assistant", content=None),
            call(1, id="b", type="function", function={"name": "mix", "arguments": '{"x"'}),
            call(0, id="a", type="function", function={"name": "paint", "arguments": ""}),
            call(1, function={"arguments": ": 1}"}),
            call(0, function={"arguments": "{}"}),
        ],
    )
    message = answer["choices"][0]["message"]
    assert message["content"] is None
    assert [(call["id"], call["function"]) for call in message["tool_calls"]] == [
        ("a", {"name": "paint", "arguments": "{}"}),
        ("b", {"name": "mix", "arguments": '{"x": 1}'}),
    ]


def test_several_choices_stay_apart() -> None:
    chunks = [
        {"id": "c", "choices": [{"index": index, "text": text, "finish_reason": end}]}
        for index, text, end in [(1, "one ", None), (0, "zero", None), (1, "more", "length"), (0, "", "stop")]
    ]
    usage = {"id": "c", "choices": [], "usage": {"total_tokens": 4}}
    answer = put_together("/v1/completions", [*chunks, usage])
    assert [(row["index"], row["text"], row["finish_reason"]) for row in answer["choices"]] == [
        (0, "zero", "stop"),
        (1, "one more", "length"),
    ]
    assert answer["usage"] == {"total_tokens": 4}


def test_thinking_and_calls_and_unknown_fields_of_the_last_record_are_kept() -> None:
    call = {"function": {"name": "paint", "arguments": {}}}
    answer = put_together(
        "/api/chat",
        [
            {"message": {"role": "assistant", "content": "", "thinking": "hm"}, "done": False},
            {"message": {"role": "assistant", "content": "", "thinking": "m"}, "done": False, "logprobs": [1]},
            {"message": {"role": "assistant", "content": "yes", "tool_calls": [call]}, "done": False, "logprobs": [2]},
            {"message": {"role": "assistant", "content": ""}, "done": True, "remote": "there", "eval_count": 3},
        ],
    )
    assert answer == {
        "message": {"role": "assistant", "content": "yes", "thinking": "hmm", "tool_calls": [call]},
        "logprobs": [1, 2],
        "done": True,
        "remote": "there",
        "eval_count": 3,
    }


def test_a_message_is_put_together_from_its_events() -> None:
    start = {"id": "msg_1", "role": "assistant", "content": [], "stop_reason": None, "usage": {"input_tokens": 3}}
    tool = {"type": "tool_use", "id": "t", "name": "paint", "input": {}}
    answer = put_together(
        "/v1/messages",
        [
            {"type": "message_start", "message": start},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "ping"},
            *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": t}} for t in "hi"),
            {"type": "content_block_start", "index": 1, "content_block": tool},
            *(
                {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": part}}
                for part in ('{"a', '": 1}')
            ),
            {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 9}},
            {"type": "message_stop"},
        ],
    )
    assert answer["content"] == [{"type": "text", "text": "hi"}, tool | {"input": {"a": 1}}]
    assert (answer["stop_reason"], answer["usage"]) == ("tool_use", {"input_tokens": 3, "output_tokens": 9})


def test_a_response_stands_in_the_event_that_ends_it() -> None:
    begun = {"type": "response.created", "response": {"id": "r", "status": "in_progress"}}
    ended = {"type": "response.completed", "response": {"id": "r", "status": "completed", "output": [1]}}
    assert put_together("/v1/responses", [begun, {"type": "response.output_text.delta"}, ended]) == ended["response"]


texts = st.text(max_size=30)


@settings(max_examples=25, deadline=None)
@given(text=texts, thought=texts, cuts=st.lists(st.integers(0, 30), max_size=8))
def test_however_it_is_cut_the_whole_is_the_same(text: str, thought: str, cuts: list[int]) -> None:
    def parts(whole: str) -> list[str]:
        at = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
        return [whole[a:b] for a, b in pairwise(at)]

    spoken = [{"message": {"content": bit}} for bit in parts(text)]
    thoughts = [{"message": {"content": "", "thinking": bit}} for bit in parts(thought)]
    whole = put_together("/api/chat", [*thoughts, *spoken, {"message": {"content": ""}, "done": True}])
    assert whole["message"]["content"] == text
    assert whole["message"].get("thinking", "") == thought
    chunks = [*(chat_chunk(reasoning=bit) for bit in parts(thought)), *(chat_chunk(content=bit) for bit in parts(text))]
    message = put_together("/v1/chat/completions", [*chunks, chat_chunk(content="")])["choices"][0]["message"]
    assert (message["content"], message.get("reasoning", "")) == (text, thought)


anything = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "delta", "message", "content", "index", "tool_calls", "function", "text", "type"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


# Events of Anthropic's must be named for anything to be looked at.
named = st.sampled_from(["message_start", "content_block_start", "content_block_delta", "message_delta"])
top = st.sampled_from(["choices", "message", "response", "logprobs", "index", "delta", "content_block", "usage"])
record = st.builds(lambda kind, more: {"type": kind, **more}, named | anything, st.dictionaries(top, anything))


@settings(max_examples=25, deadline=None)
@given(rubbish=st.lists(record))
@pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/v1/chat/completions", "/v1/messages"])
def test_rubbish_of_a_node_is_no_crash(path: str, rubbish: list[dict[str, Any]]) -> None:
    put_together(path, rubbish)


@pytest.mark.parametrize("given_options", [None, {"include_usage": False, "x": 1}])
def test_the_request_asks_for_a_stream_with_its_usage(given_options: dict[str, Any] | None) -> None:
    fields = {"model": "m", "stream": False, "seed": 2**62, "temperature": 0.1, "stream_options": given_options}
    asked = json.loads(streamed_body("/v1/chat/completions", fields))
    assert asked == fields | {"stream": True, "stream_options": (given_options or {}) | {"include_usage": True}}
    assert "stream_options" not in json.loads(streamed_body("/api/chat", {"model": "m"}))
