"""A request of Anthropic's Messages API as Ollama's chat takes it, or refused with the path of what is wrong."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster_ai.core.errors import InvalidInput
from cluster_ai.gateway.dialects.anthropic import to_ollama, translated, user_of

SAYS = [{"role": "user", "content": "hi"}]
TOOL = {"name": "paint", "description": "Paints.", "input_schema": {"type": "object", "properties": {"c": {}}}}
FUNCTION = {"name": "paint", "description": "Paints.", "parameters": TOOL["input_schema"]}


def asked(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 9, "messages": SAYS, **fields}


def message(*blocks: dict[str, Any], role: str = "user") -> list[dict[str, Any]]:
    return to_ollama(asked(messages=[{"role": role, "content": list(blocks)}]))["messages"]


def test_the_plainest_request() -> None:
    assert to_ollama(asked()) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": False,
        "options": {"num_predict": 9},
    }


def test_every_option_has_its_place() -> None:
    body = to_ollama(
        asked(
            stream=True, temperature=0.5, top_p=0.9, top_k=3, stop_sequences=["a", "b"], thinking={"type": "disabled"}
        )
    )
    assert body["options"] == {"num_predict": 9, "temperature": 0.5, "top_p": 0.9, "top_k": 3, "stop": ["a", "b"]}
    assert (body["stream"], body["think"]) == (True, False)


@pytest.mark.parametrize(
    ("thinking", "think"),
    [
        ({"type": "enabled", "budget_tokens": 2048}, {"think": True}),
        ({"type": "disabled"}, {"think": False}),
        ({"type": "adaptive"}, {}),
        (None, {}),
    ],
)
def test_thinking(thinking: Any, think: dict[str, bool]) -> None:
    body = to_ollama(asked(thinking=thinking))
    assert {name: value for name, value in body.items() if name == "think"} == think


@pytest.mark.parametrize(
    "system", ["Be kind.\nBe short.", [{"type": "text", "text": t} for t in ("Be kind.", "Be short.")]]
)
def test_the_system_stands_first(system: Any) -> None:
    assert to_ollama(asked(system=system))["messages"] == [{"role": "system", "content": "Be kind.\nBe short."}, *SAYS]


def test_pictures_and_plain_documents_go_along() -> None:
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}
    paper = {
        "type": "document",
        "title": "Notes",
        "source": {"type": "text", "data": "A lamp.", "media_type": "text/plain"},
    }
    found = {"type": "search_result", "title": "T", "source": "s", "content": [{"type": "text", "text": "found"}]}
    assert message({"type": "text", "text": "What?"}, picture, paper, found) == [
        {"role": "user", "content": "What?\nNotes\nA lamp.\nT\ns\nfound", "images": ["iVBO"]}
    ]


def test_a_round_of_tools_becomes_calls_and_results() -> None:
    use = {"type": "tool_use", "id": "toolu_1", "name": "paint", "input": {"c": "red"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "done"}]}
    body = to_ollama(
        asked(
            tools=[TOOL],
            messages=[
                *SAYS,
                {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, use]},
                {"role": "user", "content": [result, {"type": "text", "text": "and now?"}]},
            ],
        )
    )
    call = {"id": "toolu_1", "function": {"name": "paint", "arguments": {"c": "red"}}}
    assert body["messages"][1:] == [
        {"role": "assistant", "content": "", "thinking": "hm", "tool_calls": [call]},
        {"role": "tool", "content": "done", "tool_name": "paint", "tool_call_id": "toolu_1"},
        {"role": "user", "content": "and now?"},
    ]
    assert body["tools"] == [{"type": "function", "function": FUNCTION}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"content": "no"}, {"content": "no"}),
        ({"content": "no", "is_error": True}, {"content": "Error: no"}),
        ({}, {"content": ""}),
        (
            {"content": [{"type": "image", "source": {"type": "base64", "data": "iVBO"}}]},
            {"content": "", "images": ["iVBO"]},
        ),
    ],
)
def test_what_a_tool_said(content: dict[str, Any], said: dict[str, Any]) -> None:
    told = message({"type": "tool_result", "tool_use_id": "x", **content})
    assert told == [{"role": "tool", "tool_call_id": "x", **said}]


def test_an_answer_that_must_keep_a_schema() -> None:
    schema = {"type": "object"}
    body = to_ollama(asked(output_config={"format": {"type": "json_schema", "schema": schema}}))
    assert body["format"] == schema


def test_no_tool_is_offered_when_none_may_be_called() -> None:
    assert "tools" not in to_ollama(asked(tools=[TOOL], tool_choice={"type": "none"}))


def test_a_single_call_is_asked_of_the_answer() -> None:
    choice = {"type": "auto", "disable_parallel_tool_use": True}
    assert translated(asked(tools=[TOOL], tool_choice=choice)).one_call


@pytest.mark.parametrize("choice", [{"type": "tool", "name": "paint"}, {"type": "any"}])
def test_a_forced_tool_holds_the_answer_to_its_schema(choice: dict[str, Any]) -> None:
    told = translated(asked(tools=[TOOL], tool_choice=choice, system="Be kind."))
    assert told.forced == "paint"
    assert told.body["format"] == TOOL["input_schema"]
    assert "tools" not in told.body
    first = told.body["messages"][0]
    assert first["role"] == "system"
    assert first["content"].startswith("Be kind.\n")
    assert "paint" in first["content"]


def test_unknown_fields_are_named_and_those_of_the_service_are_not() -> None:
    told = translated(asked(context_management={}, cache_control={"type": "ephemeral"}, service_tier="auto"))
    assert told.warnings == ("ignored: context_management",)


def test_cache_marks_change_nothing() -> None:
    assert message({"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}) == SAYS


def test_the_user_is_known() -> None:
    assert user_of(asked(metadata={"user_id": "u-1"})) == "u-1"
    assert user_of(asked(metadata={"user_id": 3})) == user_of(asked()) == ""


PDF = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}}
LINKED = {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        (asked(max_tokens=None), "max_tokens"),
        (asked(max_tokens=True), "max_tokens"),
        (asked(max_tokens=0), "max_tokens"),
        (asked(messages=None), "messages"),
        (asked(messages=[]), "messages"),
        (asked(messages=[3]), "messages.0"),
        (asked(messages=[{"role": "robot", "content": "x"}]), "messages.0.role"),
        (asked(messages=[{"role": "user"}]), "messages.0.content"),
        (asked(messages=[*SAYS, {"role": "user", "content": ["x"]}]), "messages.1.content.0"),
        (asked(messages=[{"role": "user", "content": [{"text": "x"}]}]), "messages.0.content.0.type"),
        (asked(messages=[{"role": "user", "content": [PDF]}]), "messages.0.content.0.source.type"),
        (asked(messages=[{"role": "user", "content": [LINKED]}]), "messages.0.content.0.source.type"),
        (asked(messages=[{"role": "user", "content": [{"type": "tool_use"}]}]), "messages.0.content.0.type"),
        (
            asked(
                messages=[{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x", "content": [PDF]}]}]
            ),
            "messages.0.content.0.content.0.source.type",
        ),
        (asked(system=[{"type": "text"}]), "system.0.text"),
        (asked(temperature="hot"), "temperature"),
        (asked(stop_sequences="x"), "stop_sequences"),
        (asked(thinking={"type": "deep"}), "thinking.type"),
        (asked(thinking="yes"), "thinking"),
        (asked(tools=[{"type": "web_search_20250305", "name": "web_search"}]), "tools.0.type"),
        (asked(tools=[{"name": "paint"}]), "tools.0.input_schema"),
        (asked(tools=[TOOL], tool_choice={"type": "tool", "name": "mix"}), "tool_choice.name"),
        (asked(tools=[TOOL, TOOL | {"name": "mix"}], tool_choice={"type": "any"}), "tool_choice.type"),
        (asked(tool_choice={"type": "must"}), "tool_choice.type"),
        (asked(container="c"), "container"),
        (asked(output_config={"format": {"type": "xml"}}), "output_config.format.type"),
    ],
)
def test_what_cannot_be_carried_is_refused_where_it_stands(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        to_ollama(fields)
    assert refused.value.path == path
    assert refused.value.message.startswith(path.split(".", maxsplit=1)[0])


names = ["type", "text", "source", "content", "role", "name", "input", "id", "tool_use_id", "input_schema", "title"]
kinds = st.sampled_from(
    ["text", "image", "tool_use", "tool_result", "thinking", "document", "base64", "user", "tool", "any"]
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | kinds,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(names), inner, max_size=5),
    max_leaves=25,
)
fields_of = ["system", "tools", "tool_choice", "thinking", "output_config", "stop_sequences", "metadata", "temperature"]


@settings(max_examples=25, deadline=None)
@given(messages=anything, more=st.dictionaries(st.sampled_from(fields_of), anything))
def test_any_body_is_translated_or_refused(messages: Any, more: dict[str, Any]) -> None:
    told: list[Any] = []
    with contextlib.suppress(InvalidInput):
        told = translated(asked(messages=messages, **more)).body["messages"]
    assert all(isinstance(said["content"], str) for said in told)
    user_of(more)
