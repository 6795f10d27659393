"""The real ``openai`` and ``ollama`` clients get through the gateway what they get from the node itself."""

import asyncio
import base64
import contextlib
import json
from collections.abc import Iterator
from typing import Any

import anthropic
import ollama
import openai
import pytest

from tests.engines.running import RunningNode
from tests.fakes.fleet import FakeNode
from tests.fakes.knobs import MODELS, Model
from tests.gateway.dialects.speaking import MODEL, RESPONSE, talker
from tests.gateway.dialects.test_whole_answers import plain
from tests.gateway.door import Door, gateway
from tests.waiting import until

FAKE = "smollm2:135m"
SAYS: list[Any] = [{"role": "user", "content": "What is the capital of France?"}]
STILL = {"temperature": 0, "num_predict": 10}
TOOL: Any = {"type": "function", "function": {"name": "paint", "parameters": {"type": "object", "properties": {}}}}
SCHEMA = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}


class Both:
    """The same question to the node and to the gateway before it."""

    def __init__(self, node: str, gateway: str) -> None:
        self.urls = (node, gateway)

    def ollamas(self) -> Iterator[ollama.Client]:
        for url in self.urls:
            theirs = ollama.Client(url)
            with contextlib.closing(theirs._client):
                yield theirs

    def openais(self) -> Iterator[openai.OpenAI]:
        for url in self.urls:
            with openai.OpenAI(base_url=f"{url}/v1", api_key="unused", max_retries=0) as theirs:
                yield theirs


@pytest.fixture(params=["fake", "real"])
def both(request: pytest.FixtureRequest) -> Both:
    if request.param == "fake":
        node, door = request.getfixturevalue("fake"), request.getfixturevalue("door_to_fake")
        until(lambda: door.upstream(0).breaker == "closed", what="the gateway trusts the node")
        return Both(node.url, door.url)
    return Both(request.getfixturevalue("embedded").url, request.getfixturevalue("door_to_embedded").url)


def said(answer: Any) -> Any:
    """What a client got, without times and ids."""
    return plain(json.loads(answer.model_dump_json()))


def same(answers: list[Any]) -> Any:
    direct, through = map(without_cache, answers)
    assert through == direct
    return through


def without_cache(answer: Any) -> Any:
    """The second of two is read from the node's cache further than the first."""
    if isinstance(answer, dict):
        return {key: without_cache(value) for key, value in answer.items() if key != "cached_tokens"}
    return [without_cache(part) for part in answer] if isinstance(answer, list) else answer


OLLAMA_CALLS: dict[str, Any] = {
    "chat": lambda theirs: said(theirs.chat(FAKE, SAYS, options=STILL)),
    "chat stream": lambda theirs: [said(part) for part in theirs.chat(FAKE, SAYS, options=STILL, stream=True)],
    "chat with a schema": lambda theirs: said(theirs.chat(FAKE, SAYS, options=STILL, format=SCHEMA)),
    "chat with log probabilities": lambda theirs: said(theirs.chat(FAKE, SAYS, options=STILL, logprobs=True)),
    "generate": lambda theirs: said(theirs.generate(FAKE, "hello", options=STILL)),
    "generate stream": lambda theirs: [
        said(part) for part in theirs.generate(FAKE, "hello", options=STILL, stream=True)
    ],
    "embed": lambda theirs: said(theirs.embed("all-minilm", ["one", "two"])),
    "embeddings": lambda theirs: said(theirs.embeddings("all-minilm", "one")),
    "show": lambda theirs: said(theirs.show(FAKE)),
    "list": lambda theirs: sorted(model.model for model in theirs.list().models),
    "ps": lambda theirs: sorted(model.model for model in theirs.ps().models),
}


@pytest.mark.real
@pytest.mark.parametrize("call", OLLAMA_CALLS)
def test_ollama(both: Both, call: str) -> None:
    for theirs in both.ollamas():
        theirs.generate(FAKE, "", keep_alive=60)
    if call == "ps":
        # What is in memory the gateway knows from its last look.
        until(lambda: len({str(OLLAMA_CALLS[call](theirs)) for theirs in both.ollamas()}) == 1, what="a look")
    assert same([OLLAMA_CALLS[call](theirs) for theirs in both.ollamas()])


def chunks(theirs: openai.OpenAI, **more: Any) -> list[Any]:
    asked: Any = {"model": FAKE, "messages": SAYS, "temperature": 0, "max_tokens": 8, "stream": True, **more}
    return [said(chunk) for chunk in theirs.chat.completions.create(**asked)]


def completion(theirs: openai.OpenAI, **more: Any) -> Any:
    asked: Any = {"model": FAKE, "messages": SAYS, "temperature": 0, "max_tokens": 8, **more}
    return said(theirs.chat.completions.create(**asked))


FORMAT: Any = {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}
OPENAI_CALLS: dict[str, Any] = {
    "chat": completion,
    "chat stream": chunks,
    "chat stream with usage": lambda theirs: chunks(theirs, stream_options={"include_usage": True}),
    "chat with a schema": lambda theirs: completion(theirs, response_format=FORMAT),
    "chat with log probabilities": lambda theirs: completion(theirs, logprobs=True, top_logprobs=1),
    "completion": lambda theirs: said(
        theirs.completions.create(model=FAKE, prompt="hello", max_tokens=4, temperature=0)
    ),
    "embeddings": lambda theirs: said(theirs.embeddings.create(model="all-minilm", input=["one", "two"])),
    "models": lambda theirs: sorted(model.id for model in theirs.models.list()),
    "model": lambda theirs: said(theirs.models.retrieve(FAKE)),
}


@pytest.mark.real
@pytest.mark.parametrize("call", OPENAI_CALLS)
def test_openai(both: Both, call: str) -> None:
    assert same([OPENAI_CALLS[call](theirs) for theirs in both.openais()])


@pytest.mark.parametrize("stream", [True, False])
def test_calls_of_tools_of_ollama(fake: FakeNode, door_to_fake: Door, stream: bool) -> None:
    fake.set(tool_calls=True)
    found = []
    for theirs in Both(fake.url, door_to_fake.url).ollamas():
        answer = theirs.chat(FAKE, SAYS, tools=[TOOL], stream=stream)
        found.append([said(part)["message"] for part in (answer if stream else [answer])])
    assert same(found)[0]["tool_calls"][0]["function"]["name"] == "paint"


@pytest.mark.parametrize("stream", [True, False])
def test_calls_of_tools_of_openai(fake: FakeNode, door_to_fake: Door, stream: bool) -> None:
    fake.set(tool_calls=True)
    found = []
    for theirs in Both(fake.url, door_to_fake.url).openais():
        asked: Any = {"tools": [TOOL], "stream": stream}
        answer: Any = theirs.chat.completions.create(model=FAKE, messages=SAYS, **asked)
        choices = [chunk.choices[0] for chunk in answer] if stream else answer.choices
        said_by = [getattr(choice, "delta" if stream else "message") for choice in choices]
        found.append([call.function.arguments for one in said_by for call in one.tool_calls or ()])
    assert same(found) == ['{"text":"lamp"}']


def test_asynchronous_clients(fake: FakeNode, door_to_fake: Door) -> None:
    async def talk() -> tuple[int, int]:
        theirs = ollama.AsyncClient(door_to_fake.url)
        async with theirs._client, openai.AsyncOpenAI(base_url=f"{door_to_fake.url}/v1", api_key="x") as other:
            parts = [part async for part in await theirs.chat(FAKE, SAYS, stream=True)]
            stream = await other.chat.completions.create(model=FAKE, messages=SAYS, stream=True)
            return len(parts), len([chunk async for chunk in stream])

    assert asyncio.run(talk()) == (25, 25)
    assert fake.counters().cancelled == 0


def test_a_whole_answer_is_streamed_by_its_node_and_unknown_fields_go_along(fake: FakeNode, door_to_fake: Door) -> None:
    with openai.OpenAI(base_url=f"{door_to_fake.url}/v1", api_key="x", max_retries=0) as theirs:
        theirs.chat.completions.create(model=FAKE, messages=SAYS, extra_body={"mirostat": 2, "seed": 7})
    sent = fake.log()[-1].body
    assert sent == {
        "model": FAKE,
        "messages": SAYS,
        "mirostat": 2,
        "seed": 7,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_client_that_leaves_a_whole_answer_stops_the_model(fake: FakeNode, door_to_fake: Door) -> None:
    fake.set(rate=20, answer_tokens=400)
    url = f"{door_to_fake.url}/v1"
    with (
        openai.OpenAI(base_url=url, api_key="x", max_retries=0, timeout=0.5) as theirs,
        pytest.raises(openai.APITimeoutError),
    ):
        theirs.chat.completions.create(model=FAKE, messages=SAYS)
    assert fake.until(lambda seen: seen.cancelled == 1 and seen.in_flight == 0).tokens < 100


@pytest.mark.real
def test_tools_for_a_real_model_without_them_are_dropped(door_to_embedded: Door) -> None:
    with openai.OpenAI(base_url=f"{door_to_embedded.url}/v1", api_key="x", max_retries=0) as theirs:
        asked: Any = {"model": FAKE, "messages": SAYS, "max_tokens": 2, "tools": [TOOL], "tool_choice": "required"}
        answer = theirs.chat.completions.with_raw_response.create(**asked)
    assert answer.headers["X-Cluster-Warning"] == f"tools dropped: {FAKE} has none"


@pytest.mark.real
def test_strict_refuses_them_and_pictures_are_always_refused(embedded: RunningNode) -> None:
    picture: Any = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}
    with (
        gateway(embedded=embedded.url, tools="strict") as door,
        openai.OpenAI(base_url=f"{door.url}/v1", api_key="x", max_retries=0) as theirs,
    ):
        with pytest.raises(openai.BadRequestError, match="does not support tools") as refused:
            theirs.chat.completions.create(model=FAKE, messages=SAYS, tools=[TOOL])
        assert refused.value.param == "tools"
        with pytest.raises(openai.BadRequestError, match="does not take images") as blind:
            theirs.chat.completions.create(model=FAKE, messages=[{"role": "user", "content": [picture]}])
        assert blind.value.param == "messages.0.content.0"


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def test_pictures_reach_a_model_that_sees(fake: FakeNode, door_to_fake: Door) -> None:
    seer = Model(name="seer:1b", capabilities=("completion", "vision"))
    fake.set(models=[model.model_dump() for model in (*MODELS, seer)])
    until(lambda: "seer:1b" in door_to_fake.ask("/api/tags").body.decode(), what="the gateway knows the model")
    with contextlib.closing((theirs := ollama.Client(door_to_fake.url))._client):
        theirs.chat("seer:1b", [{"role": "user", "content": "What?", "images": [base64.b64decode(PIXEL)]}])
    linked: Any = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    with openai.OpenAI(base_url=f"{door_to_fake.url}/v1", api_key="x", max_retries=0) as other:
        other.chat.completions.create(model="seer:1b", messages=[{"role": "user", "content": [linked]}])
    source: Any = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    with anthropic.Anthropic(base_url=door_to_fake.url, api_key="x", max_retries=0) as third:
        said: Any = {"role": "user", "content": [{"type": "image", "source": source}]}
        third.messages.create(model="seer:1b", max_tokens=5, messages=[said])
    native, openais, anthropics = (seen.body["messages"][0] for seen in fake.log() if "messages" in seen.body)
    assert native["images"] == anthropics["images"] == [PIXEL]
    assert openais["content"] == [linked]


@pytest.mark.parametrize("stream", [True, False])
def test_responses_go_to_a_node_that_has_them(stream: bool) -> None:
    with (
        talker("0.13.3") as node,
        gateway(embedded=node.url) as door,
        openai.OpenAI(base_url=f"{door.url}/v1", api_key="x", max_retries=0) as theirs,
    ):
        answer: Any = theirs.responses.create(model=MODEL, input="Say a word.", stream=stream)
        if stream:
            events = list(answer)
            assert [event.type for event in events][-1] == "response.completed"
            answer = events[-1].response
    assert answer.output_text == "A lamp."
    assert answer.usage.total_tokens == RESPONSE["usage"]["total_tokens"]
    assert node.asked == [("/v1/responses", {"model": MODEL, "input": "Say a word.", "stream": True})]


def test_responses_without_a_node_that_has_them_are_refused_with_a_way_out(fake: FakeNode, door_to_fake: Door) -> None:
    with (
        openai.OpenAI(base_url=f"{door_to_fake.url}/v1", api_key="x", max_retries=0) as theirs,
        pytest.raises(openai.InternalServerError) as refused,
    ):
        theirs.responses.create(model=FAKE, input="Say a word.")
    assert refused.value.status_code == 501
    assert "0.13.3" in refused.value.message
    assert "/v1/chat/completions" in refused.value.message
    assert fake.counters().started == 0
