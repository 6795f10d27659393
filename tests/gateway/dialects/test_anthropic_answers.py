"""Records of Ollama's chat as Anthropic's messages: every event is one that its client knows, stream and whole agree."""

import json
from itertools import count
from typing import Any

import anthropic.types as known
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from cluster_ai.gateway.dialects.aggregate import records_in
from cluster_ai.gateway.dialects.anthropic_stream import Events, answer, framed

EVENT = TypeAdapter(known.RawMessageStreamEvent)
DONE = {"done": True, "done_reason": "stop", "prompt_eval_count": 7, "eval_count": 3, "message": {"content": ""}}
CALL = {"id": "call_9", "function": {"name": "paint", "arguments": {"c": "red"}}}


def fresh(**more: Any) -> Events:
    numbers = count(1)
    return Events("msg_1", "fast", lambda: f"toolu_{next(numbers)}", input_tokens=5, **more)


def says(content: str = "", **more: Any) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": content, **more}, "done": False}


def streamed(*records: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    """The events as they come off the wire, each one checked against the client's own types."""
    events = fresh(**more)
    wire = b"".join(framed(events.add(record)) for record in records)
    names = [line.removeprefix(b"event: ").decode() for line in wire.splitlines() if line.startswith(b"event:")]
    told = list(records_in(wire.splitlines()))
    assert [event["type"] for event in told] == names
    for event in told:
        EVENT.validate_python(event)
    return told


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def test_words_come_as_one_block() -> None:
    events = streamed(says("Hel"), says("lo"), DONE)
    assert kinds(events) == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[0]["message"]["usage"] == {"input_tokens": 5, "output_tokens": 0}
    assert events[-2] == {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"input_tokens": 7, "output_tokens": 3},
    }


def test_thinking_words_and_calls_are_blocks_of_their_own() -> None:
    events = streamed(says(thinking="hm"), says("I paint."), says(tool_calls=[CALL]), says(tool_calls=[CALL]), DONE)
    opened = [event["content_block"]["type"] for event in events if event["type"] == "content_block_start"]
    assert opened == ["thinking", "text", "tool_use", "tool_use"]
    assert [event["index"] for event in events if event["type"] == "content_block_stop"] == [0, 1, 2, 3]
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


def test_the_whole_says_the_same() -> None:
    said = answer([says(thinking="hm"), says("I "), says("paint."), says(tool_calls=[CALL]), DONE], fresh())
    message = known.Message.model_validate(said)
    assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
    assert said["content"][1]["text"] == "I paint."
    assert said["content"][2] == {"type": "tool_use", "id": "call_9", "name": "paint", "input": {"c": "red"}}
    assert (message.stop_reason, message.usage.input_tokens, message.usage.output_tokens) == ("tool_use", 7, 3)
    assert message.model == "fast"


def test_a_call_without_a_name_is_given_one() -> None:
    nameless = {"function": CALL["function"]}
    said = answer([says(tool_calls=[nameless, nameless]), DONE], fresh())
    assert [block["id"] for block in said["content"]] == ["toolu_1", "toolu_2"]


def test_where_one_call_is_allowed_one_is_given() -> None:
    said = answer([says(tool_calls=[CALL, CALL]), says(tool_calls=[CALL]), DONE], fresh(one_call=True))
    assert len(said["content"]) == 1


def test_the_words_of_a_forced_tool_are_its_input() -> None:
    records = [says('{"c":'), says(' "red"}'), DONE]
    events = streamed(*records, forced="paint")
    assert [event["delta"]["partial_json"] for event in events if event["type"] == "content_block_delta"] == [
        '{"c":',
        ' "red"}',
    ]
    said = answer(records, fresh(forced="paint"))
    assert said["content"] == [{"type": "tool_use", "id": "toolu_1", "name": "paint", "input": {"c": "red"}}]
    assert said["stop_reason"] == "tool_use"


def test_a_cut_answer_says_so() -> None:
    assert answer([says("a"), DONE | {"done_reason": "length"}], fresh())["stop_reason"] == "max_tokens"


def test_an_answer_without_a_word_is_still_a_message() -> None:
    message = known.Message.model_validate(answer([DONE], fresh()))
    assert (message.content, message.stop_reason) == ([], "end_turn")


def test_an_error_in_the_middle_is_an_event_of_its_own() -> None:
    events = fresh()
    events.add(says("a"))
    wire = framed(events.add({"error": "the runner has stopped"}))
    assert wire.startswith(b"event: error\ndata: ")
    said = json.loads(wire.partition(b"data: ")[2])
    assert said["error"] == {"type": "api_error", "message": "the runner has stopped"}


bits = st.lists(
    st.tuples(st.sampled_from(["content", "thinking"]), st.text(max_size=5)) | st.just(("call", "")), max_size=12
)


@settings(max_examples=25, deadline=None)
@given(bits)
def test_nothing_is_lost_or_changed_whatever_the_order(parts: list[tuple[str, str]]) -> None:
    records = [says(tool_calls=[CALL]) if kind == "call" else says(**{kind: text}) for kind, text in parts]
    events = streamed(*records, DONE)
    starts = [event["index"] for event in events if event["type"] == "content_block_start"]
    assert starts == list(range(len(starts)))
    said = answer([*records, DONE], fresh())
    for kind, name in (("content", "text"), ("thinking", "thinking")):
        wanted = "".join(text for part, text in parts if part == kind)
        assert "".join(block[name] for block in said["content"] if block["type"] == name) == wanted
    assert sum(block["type"] == "tool_use" for block in said["content"]) == sum(kind == "call" for kind, _ in parts)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["message", "done", "error", "done_reason"]),
            st.none()
            | st.booleans()
            | st.text(max_size=3)
            | st.dictionaries(
                st.sampled_from(["content", "thinking", "tool_calls"]),
                st.none() | st.integers() | st.text(max_size=3) | st.lists(st.none() | st.just({"function": 3})),
            ),
        )
    )
)
def test_rubbish_of_a_node_is_no_crash(records: list[dict[str, Any]]) -> None:
    orjson.dumps(answer(records, fresh()))
