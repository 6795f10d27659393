"""The real ``anthropic`` client through the gateway, before nodes that speak its dialect and before such that do not."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import anthropic
import ollama
import pytest

from tests.engines.running import RunningNode
from tests.fakes.fleet import FakeNode, Fleet
from tests.gateway.dialects.speaking import MODEL, talker
from tests.gateway.door import Door, gateway
from tests.waiting import until

FAKE = "smollm2:135m"
SAYS: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]
TOOL: Any = {"name": "paint", "description": "Paints.", "input_schema": {"type": "object", "properties": {"text": {}}}}


@contextlib.contextmanager
def client_of(door: Door) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=door.url, api_key="unused", max_retries=0, timeout=30) as client:
        yield client


@pytest.fixture
def client(fake: FakeNode, door_to_fake: Door) -> Iterator[anthropic.Anthropic]:
    del fake
    until(lambda: door_to_fake.upstream(0).breaker == "closed", what="the gateway trusts the node")
    with client_of(door_to_fake) as made:
        yield made


def node_says(url: str, **more: Any) -> str:
    """What the node answers to the same in its own dialect."""
    theirs = ollama.Client(url)
    try:
        return str(theirs.chat(FAKE, SAYS, **more).message.content)
    finally:
        theirs._client.close()


def test_a_message_says_what_the_node_says(client: anthropic.Anthropic, fake: FakeNode) -> None:
    message = client.messages.create(model=FAKE, max_tokens=100, messages=SAYS)
    assert [block.text for block in message.content if block.type == "text"] == [node_says(fake.url)]
    assert (message.stop_reason, message.model, message.role) == ("end_turn", FAKE, "assistant")
    assert message.usage.output_tokens == 24
    assert message.id.startswith("msg_")


def test_a_stream_says_it_bit_by_bit(client: anthropic.Anthropic, fake: FakeNode) -> None:
    with client.messages.stream(model=FAKE, max_tokens=100, messages=SAYS) as stream:
        bits = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(bits) == 24
    assert "".join(bits) == node_says(fake.url)
    assert (final.stop_reason, final.usage.output_tokens) == ("end_turn", 24)


def test_an_answer_cut_at_its_limit(client: anthropic.Anthropic) -> None:
    message = client.messages.create(model=FAKE, max_tokens=3, messages=SAYS)
    assert (message.stop_reason, message.usage.output_tokens) == ("max_tokens", 3)


@pytest.mark.parametrize("stream", [True, False])
def test_a_call_of_a_tool(client: anthropic.Anthropic, fake: FakeNode, stream: bool) -> None:
    fake.set(tool_calls=True)
    asked: Any = {"model": FAKE, "max_tokens": 50, "messages": SAYS, "tools": [TOOL]}
    if stream:
        with client.messages.stream(**asked) as opened:
            message: Any = opened.get_final_message()
    else:
        message = client.messages.create(**asked)
    (use,) = message.content
    assert (use.type, use.name, use.input, message.stop_reason) == ("tool_use", "paint", {"text": "lamp"}, "tool_use")
    assert use.id.startswith("toolu_")


def test_the_client_plays_a_whole_round_of_tools(client: anthropic.Anthropic, fake: FakeNode) -> None:
    fake.set(tool_calls=True)
    first = client.messages.create(model=FAKE, max_tokens=50, messages=SAYS, tools=[TOOL])
    fake.set(tool_calls=False)
    (use,) = first.content
    result: Any = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "done"}]}
    rest = [*SAYS, {"role": "assistant", "content": first.content}, result]
    assert client.messages.create(model=FAKE, max_tokens=50, messages=rest, tools=[TOOL]).stop_reason == "end_turn"
    sent = fake.log()[-1].body["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool"]
    assert (sent[2]["tool_name"], sent[2]["tool_call_id"], sent[2]["content"]) == ("paint", use.id, "done")


def test_the_asynchronous_client(fake: FakeNode, door_to_fake: Door) -> None:
    async def count() -> int:
        async with (
            anthropic.AsyncAnthropic(base_url=door_to_fake.url, api_key="unused", max_retries=0) as theirs,
            theirs.messages.stream(model=FAKE, max_tokens=100, messages=SAYS) as stream,
        ):
            return len([text async for text in stream.text_stream])

    assert asyncio.run(count()) == 24
    assert fake.counters().cancelled == 0


def test_tokens_are_estimated_and_the_answer_says_so(client: anthropic.Anthropic) -> None:
    answer = client.messages.with_raw_response.count_tokens(model=FAKE, messages=SAYS, tools=[TOOL])
    assert answer.headers["X-Cluster-Estimated"] == "input_tokens"
    assert 30 < answer.parse().input_tokens < 80


def test_a_mistake_is_told_with_its_place(client: anthropic.Anthropic) -> None:
    paper: Any = {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}
    with pytest.raises(anthropic.BadRequestError) as refused:
        client.messages.create(model=FAKE, max_tokens=1, messages=[{"role": "user", "content": [paper]}])
    said: Any = refused.value.body
    assert (said["type"], said["error"]["type"]) == ("error", "invalid_request_error")
    assert "messages.0.content.0.source.type" in said["error"]["message"]


def test_an_unknown_model_is_not_found(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as refused:
        client.messages.create(model="nobody:1b", max_tokens=1, messages=SAYS)
    said: Any = refused.value.body
    assert said["error"]["type"] == "not_found_error"


def test_what_a_node_refuses_is_said_in_this_dialect(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError) as refused:
        client.messages.create(model="all-minilm", max_tokens=1, messages=SAYS)
    said: Any = refused.value.body
    assert said["error"]["type"] == "invalid_request_error"
    assert "does not support chat" in said["error"]["message"]


def test_fields_that_nobody_knows_are_named(client: anthropic.Anthropic) -> None:
    more: Any = {"context_management": {}}
    answer = client.messages.with_raw_response.create(model=FAKE, max_tokens=1, messages=SAYS, extra_body=more)
    assert answer.headers["X-Cluster-Warning"] == "ignored: context_management"


@pytest.mark.parametrize("how", ["rst", "fin"])
def test_a_stream_that_breaks_never_looks_whole(client: anthropic.Anthropic, fake: FakeNode, how: str) -> None:
    fake.set(die_after=3, die_how=how)
    events: list[str] = []
    with (
        pytest.raises(anthropic.APIError),
        client.messages.create(model=FAKE, max_tokens=100, messages=SAYS, stream=True) as stream,
    ):
        events.extend(event.type for event in stream)
    assert events.count("content_block_delta") == 3
    assert "message_stop" not in events


def test_a_client_that_leaves_stops_the_model(client: anthropic.Anthropic, fake: FakeNode) -> None:
    fake.set(rate=20, answer_tokens=200)
    with client.messages.create(model=FAKE, max_tokens=500, messages=SAYS, stream=True) as stream:
        next(iter(stream))
    assert fake.until(lambda seen: seen.cancelled == 1 and seen.in_flight == 0).tokens < 100


def test_an_answer_goes_on_when_its_node_dies(older: Fleet) -> None:
    older.set(rate=100, answer_tokens=30)
    wanted = node_says(older.nodes[0].url)
    with gateway(*older.nodes, resume=True) as door, client_of(door) as client:
        door.prefer(0)
        older.nodes[0].set(die_after=6)
        with client.messages.stream(model=FAKE, max_tokens=100, messages=SAYS) as stream:
            told = "".join(stream.text_stream)
            final = stream.get_final_message()
    assert older.nodes[0].counters().faults == 1
    assert (told, final.stop_reason, final.usage.output_tokens) == (wanted, "end_turn", 30)


def test_a_whole_answer_is_begun_again_when_its_node_dies(older: Fleet) -> None:
    wanted = node_says(older.nodes[0].url)
    with gateway(*older.nodes) as door, client_of(door) as client:
        door.prefer(0)
        older.nodes[0].set(die_after=6)
        message: Any = client.messages.create(model=FAKE, max_tokens=100, messages=SAYS)
    assert message.content[0].text == wanted
    assert older.nodes[0].counters().faults == 1


@pytest.mark.parametrize("stream", [True, False])
def test_a_node_that_speaks_it_is_asked_as_it_came(stream: bool) -> None:
    asked: Any = {"model": MODEL, "max_tokens": 9, "messages": SAYS, "metadata": {"user_id": "u"}}
    with talker("0.14.0") as node, gateway(embedded=node.url) as door, client_of(door) as client:
        if stream:
            with client.messages.stream(**asked) as opened:
                message: Any = opened.get_final_message()
        else:
            message = client.messages.create(**asked)
    assert (message.id, message.content[0].text, message.stop_reason) == ("msg_native", "A lamp.", "stop_sequence")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (4, 2)
    assert node.asked == [("/v1/messages", asked | {"stream": True})]


@pytest.fixture
def real(door_to_embedded: Door) -> Iterator[anthropic.Anthropic]:
    with client_of(door_to_embedded) as made:
        yield made


@pytest.mark.real
@pytest.mark.parametrize("stream", [True, False])
def test_a_real_model_answers(real: anthropic.Anthropic, embedded: RunningNode, stream: bool) -> None:
    asked: Any = {"model": FAKE, "max_tokens": 20, "messages": SAYS, "extra_body": {"temperature": 0}}
    if stream:
        with real.messages.stream(**asked) as opened:
            message: Any = opened.get_final_message()
    else:
        message = real.messages.create(**asked)
    assert message.content[0].text == node_says(embedded.url, options={"temperature": 0, "num_predict": 20})
    assert "Paris" in message.content[0].text
    assert message.usage.input_tokens > 10


@pytest.mark.real
def test_a_forced_tool_is_called_by_a_model_without_tools(real: anthropic.Anthropic) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer"}},
        "required": ["name", "age"],
    }
    tool: Any = {"name": "note_person", "description": "Keeps a person.", "input_schema": schema}
    message = real.messages.create(
        model=FAKE,
        max_tokens=100,
        extra_body={"temperature": 0},
        messages=[{"role": "user", "content": "Ana is 25 years old."}],
        tools=[tool],
        tool_choice={"type": "tool", "name": "note_person"},
    )
    (use,) = message.content
    assert use.type == "tool_use"
    assert (use.name, set(use.input), message.stop_reason) == ("note_person", {"name", "age"}, "tool_use")
    assert isinstance(use.input["age"], int)


@pytest.mark.real
def test_tools_and_thinking_for_a_model_without_them_are_dropped(real: anthropic.Anthropic) -> None:
    answer = real.messages.with_raw_response.create(
        model=FAKE, max_tokens=1500, messages=SAYS, tools=[TOOL], thinking={"type": "enabled", "budget_tokens": 1024}
    )
    warning = answer.headers["X-Cluster-Warning"]
    assert warning == f"tools dropped: {FAKE} has none; thinking dropped: {FAKE} has none"
    assert answer.parse().content


@pytest.mark.real
def test_a_picture_for_a_blind_model_is_refused(real: anthropic.Anthropic) -> None:
    picture: Any = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}}
    with pytest.raises(anthropic.BadRequestError, match="does not take images"):
        real.messages.create(model=FAKE, max_tokens=1, messages=[{"role": "user", "content": [picture]}])
