"""The real ``ollama`` and ``openai`` clients, streaming and not, on the real models."""

import json
from collections.abc import Iterator

import ollama
import openai
import pytest

from tests.engines.running import CHAT, PARIS, RunningNode

pytestmark = pytest.mark.real


@pytest.fixture
def theirs(served: RunningNode) -> Iterator[ollama.Client]:
    client = ollama.Client(served.url)
    yield client
    client._client.close()


@pytest.fixture
def openais(served: RunningNode) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="unused", max_retries=0) as client:
        yield client


@pytest.mark.parametrize("stream", [True, False])
def test_chat(theirs: ollama.Client, stream: bool) -> None:
    answer = theirs.chat(**PARIS, stream=stream)
    parts = list(answer) if stream else [answer]
    assert "Paris" in "".join(part.message.content for part in parts)
    last = parts[-1]
    assert (last.done, last.done_reason) == (True, "stop")
    assert last.eval_count == (len(parts) if stream else last.eval_count) > 3
    assert last.prompt_eval_count > 10
    assert last.total_duration > last.eval_duration > 0


@pytest.mark.parametrize("stream", [True, False])
def test_generate(theirs: ollama.Client, stream: bool) -> None:
    answer = theirs.generate("smollm2", "What is the capital of France?", options={"temperature": 0}, stream=stream)
    parts = list(answer) if stream else [answer]
    assert "Paris" in "".join(part.response for part in parts)
    assert parts[-1].model == "smollm2"


def test_raw_goes_past_the_template(theirs: ollama.Client) -> None:
    options = {"temperature": 0, "num_predict": 1}
    answer = theirs.generate(CHAT, "The capital of France is", raw=True, options=options)
    assert answer.response == " Paris"
    assert answer.prompt_eval_count == 5
    assert answer.done_reason == "length"


def test_system_changes_the_prompt(theirs: ollama.Client) -> None:
    options = {"num_predict": 1}
    short = theirs.generate(CHAT, "Hi", system="A.", options=options)
    long = theirs.generate(
        CHAT, "Hi", system="You are a pirate and every word you say is about ships.", options=options
    )
    assert long.prompt_eval_count > short.prompt_eval_count + 5


def test_same_seed_writes_the_same(theirs: ollama.Client) -> None:
    def write(seed: int) -> str:
        options = {"temperature": 1.5, "top_p": 1, "seed": seed, "num_predict": 12}
        return theirs.generate(CHAT, "Tell me a story.", options=options).response

    assert write(7) == write(7) != write(8)


def test_stop_ends_the_answer(theirs: ollama.Client) -> None:
    answer = theirs.chat(CHAT, PARIS["messages"], options={"temperature": 0, "stop": " Paris"})
    assert answer.message.content == "The capital of France is"
    assert answer.done_reason == "stop"


def test_schema_is_kept(theirs: ollama.Client) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer"}},
        "required": ["name", "age"],
    }
    messages = [{"role": "user", "content": "Ana is 25 years old."}]
    answer = theirs.chat(CHAT, messages, format=schema, options={"temperature": 0})
    person = json.loads(answer.message.content)
    assert set(person) == {"name", "age"}
    assert isinstance(person["age"], int)


def test_format_json(theirs: ollama.Client) -> None:
    messages = [{"role": "user", "content": 'Ana is 25. Reply with {"name": "Ana", "age": 25} and nothing else.'}]
    answer = theirs.chat(CHAT, messages, format="json", options={"temperature": 0, "num_predict": 200})
    assert isinstance(json.loads(answer.message.content), dict)


def test_logprobs(theirs: ollama.Client) -> None:
    answer = theirs.chat(**PARIS | {"options": {"temperature": 0, "num_predict": 3}}, logprobs=True, top_logprobs=2)
    assert [token.token for token in answer.logprobs] == ["The", " capital", " of"]
    assert all(len(token.top_logprobs) == 2 and token.logprob <= 0 for token in answer.logprobs)


def test_embeddings_tell_near_from_far(theirs: ollama.Client) -> None:
    answer = theirs.embed("all-minilm", ["A cat sleeps.", "A kitten naps.", "Interest rates rose."])
    near, same, far = answer.embeddings
    assert len(near) == 384
    assert _dot(near, near) == pytest.approx(1, abs=1e-4)
    assert _dot(near, same) > _dot(near, far) + 0.3
    assert theirs.embeddings("all-minilm", "A cat sleeps.").embedding == pytest.approx(list(near), abs=1e-3)


def test_embedding_cut_to_fewer_dimensions(theirs: ollama.Client) -> None:
    whole = theirs.embed("all-minilm", "A cat sleeps.").embeddings[0]
    short = theirs.embed("all-minilm", "A cat sleeps.", dimensions=8).embeddings[0]
    assert len(short) == 8
    assert _dot(short, short) == pytest.approx(1, abs=1e-4)
    assert short[0] / short[1] == pytest.approx(whole[0] / whole[1])


def test_long_text_is_cut_or_refused(theirs: ollama.Client) -> None:
    texts = ["Short.", "word " * 2000]
    answer = theirs.embed("all-minilm", texts)
    assert len(answer.embeddings) == 2
    assert 256 < answer.prompt_eval_count <= 520
    with pytest.raises(ollama.ResponseError, match="2002 tokens, more than the context of 512") as refused:
        theirs.embed("all-minilm", texts, truncate=False)
    assert refused.value.status_code == 400


def test_show_and_lists(theirs: ollama.Client) -> None:
    assert {model.model for model in theirs.list().models} == {CHAT, "all-minilm:latest"}
    shown = theirs.show("smollm2")
    assert shown.capabilities == ["completion"]
    assert shown.details.quantization_level == "Q4_1"
    assert shown.modelinfo["llama.context_length"] == 8192
    assert theirs.show("all-minilm").capabilities == ["embedding"]


def test_pull_of_what_is_here_and_of_what_is_not(theirs: ollama.Client) -> None:
    assert theirs.pull("smollm2").status == "success"
    with pytest.raises(ollama.ResponseError, match="cannot pull 'llama3'") as refused:
        theirs.pull("llama3")
    assert refused.value.status_code == 501


@pytest.mark.parametrize("stream", [True, False])
def test_openai_chat(openais: openai.OpenAI, stream: bool) -> None:
    answer = openais.chat.completions.create(model=CHAT, messages=PARIS["messages"], temperature=0, stream=stream)
    if stream:
        chunks = list(answer)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert chunks[-1].choices[0].finish_reason == "stop"
        assert all(chunk.usage is None for chunk in chunks)
    else:
        text = answer.choices[0].message.content
        assert answer.usage.completion_tokens > 3
    assert "Paris" in text


def test_openai_usage_comes_last_when_asked_for(openais: openai.OpenAI) -> None:
    chunks = list(
        openais.chat.completions.create(
            model=CHAT, messages=PARIS["messages"], max_tokens=3, stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].usage.completion_tokens == 3
    assert chunks[-1].choices == []
    assert chunks[-2].choices[0].finish_reason == "length"


def test_openai_logprobs_and_parts(openais: openai.OpenAI) -> None:
    content = [{"type": "text", "text": "What is the capital "}, {"type": "text", "text": "of France?"}]
    answer = openais.chat.completions.create(
        model=CHAT, messages=[{"role": "user", "content": content}], temperature=0, max_tokens=2, logprobs=True
    )
    assert [token.token for token in answer.choices[0].logprobs.content] == ["The", " capital"]


def test_openai_completions(openais: openai.OpenAI) -> None:
    answer = openais.completions.create(
        model=CHAT, prompt="The capital of France is", max_tokens=2, temperature=0, logprobs=2
    )
    said = answer.choices[0]
    assert said.text == " Paris."
    assert said.logprobs.tokens == [" Paris", "."]
    assert said.logprobs.text_offset == [0, 6]
    assert all(len(top) == 2 for top in said.logprobs.top_logprobs)


def test_openai_embeddings(openais: openai.OpenAI) -> None:
    packed = openais.embeddings.create(model="all-minilm", input=["A cat.", "A dog."])
    plain = openais.embeddings.create(model="all-minilm", input="A cat.", encoding_format="float")
    assert [item.index for item in packed.data] == [0, 1]
    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-3)


def test_openai_errors(openais: openai.OpenAI) -> None:
    assert {model.id for model in openais.models.list()} == {CHAT, "all-minilm:latest"}
    assert openais.models.retrieve("smollm2").id == CHAT
    with pytest.raises(openai.NotFoundError, match="model 'nope' not found"):
        openais.models.retrieve("nope")
    with pytest.raises(openai.NotFoundError, match="model 'nope' not found"):
        openais.chat.completions.create(model="nope", messages=PARIS["messages"])
    with pytest.raises(openai.BadRequestError, match="n must be 1"):
        openais.chat.completions.create(model=CHAT, messages=PARIS["messages"], n=2)


def _dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))
