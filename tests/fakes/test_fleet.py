"""The fleet as clients see it: the real ollama and openai libraries against honest nodes."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import ollama
import openai
import pytest

from tests.fakes.fleet import FakeNode, Fleet, FleetError
from tests.fakes.raw import MODEL, chat, connected, get, hear, listen, whole
from tests.fakes.text import answer

pytestmark = pytest.mark.real
SAID = [{"role": "user", "content": "hi"}]


@pytest.fixture
def theirs(node: FakeNode) -> Iterator[ollama.Client]:
    client = ollama.Client(node.url)
    yield client
    client._client.close()


@pytest.fixture
def openais(fleet: Fleet) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=fleet.nodes[1].url + "/v1", api_key="none", max_retries=0) as client:
        yield client


def expected(seed: int = 0, count: int = 24) -> str:
    return "".join(answer(MODEL, seed, (("user", "hi"),), count=count, as_json=False))


def test_every_dialect_says_the_same(theirs: ollama.Client, openais: openai.OpenAI) -> None:
    streamed = [part.message.content or "" for part in theirs.chat(MODEL, SAID, stream=True)]
    parts = openais.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "hi"}], stream=True)
    said = {
        theirs.chat(MODEL, SAID).message.content,
        "".join(streamed),
        theirs.generate(MODEL, "hi").response,
        "".join(part.response or "" for part in theirs.generate(MODEL, "hi", stream=True)),
        openais.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "hi"}])
        .choices[0]
        .message.content,
        "".join(part.choices[0].delta.content or "" for part in parts),
        openais.completions.create(model=MODEL, prompt="hi").choices[0].text,
    }
    assert said == {expected()}
    assert len(streamed) == 25


def test_seed_model_and_prompt_decide_the_text(theirs: ollama.Client) -> None:
    assert theirs.chat(MODEL, SAID, options={"seed": 7}).message.content == expected(seed=7) != expected()
    assert theirs.generate(MODEL, "ho").response != expected()


def test_limits_and_usage_are_told(theirs: ollama.Client, openais: openai.OpenAI) -> None:
    short = theirs.chat(MODEL, SAID, options={"num_predict": 5})
    assert (short.done_reason, short.eval_count, short.message.content) == ("length", 5, expected(count=5))
    parts = list(
        openais.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "hi"}],
            stream=True,
            stream_options={"include_usage": True},
            max_tokens=5,
        )
    )
    assert parts[-1].usage is not None
    assert (parts[-1].usage.completion_tokens, parts[-2].choices[0].finish_reason) == (5, "length")


@pytest.mark.parametrize("cut", [1, 9, 40, 77])
def test_an_answer_is_continued_from_any_character(theirs: ollama.Client, openais: openai.OpenAI, cut: int) -> None:
    said = expected()[:cut]
    prefix = [*SAID, {"role": "assistant", "content": said}]
    assert said + (theirs.chat(MODEL, prefix).message.content or "") == expected()
    rest = openais.chat.completions.create(model=MODEL, messages=prefix)  # type: ignore[arg-type]
    assert said + (rest.choices[0].message.content or "") == expected()


def test_json_and_tools(node: FakeNode, theirs: ollama.Client) -> None:
    assert (theirs.chat(MODEL, SAID, format="json").message.content or "").startswith('{"answer": "')
    node.set(tool_calls=True)
    tools = [{"type": "function", "function": {"name": "weigh", "description": "x", "parameters": {}}}]
    called, *_ = [part.message.tool_calls for part in theirs.chat(MODEL, SAID, tools=tools, stream=True)]
    assert called
    assert called[0].function.name == "weigh"


def test_embeddings_are_unit_vectors_that_agree(theirs: ollama.Client, openais: openai.OpenAI) -> None:
    one, two = theirs.embed("all-minilm", ["lamp", "river"]).embeddings
    assert sum(value * value for value in one) == pytest.approx(1)
    assert one != two
    assert openais.embeddings.create(model="all-minilm", input="lamp").data[0].embedding == pytest.approx(one, abs=1e-6)
    assert theirs.embeddings("all-minilm", "lamp").embedding == pytest.approx(one)


def test_models_are_listed_shown_pulled_copied_and_deleted(theirs: ollama.Client, openais: openai.OpenAI) -> None:
    assert [model.model for model in theirs.list().models] == [MODEL, "all-minilm:latest"]
    assert [model.id for model in openais.models.list()] == [MODEL, "all-minilm:latest"]
    assert openais.models.retrieve(MODEL).id == MODEL
    assert "completion" in (theirs.show(MODEL).capabilities or [])
    assert [step.status for step in theirs.pull("qwen3:0.6b", stream=True)][-1] == "success"
    theirs.copy("qwen3:0.6b", "mine")
    theirs.delete("qwen3:0.6b")
    assert [model.model for model in theirs.list().models] == [MODEL, "all-minilm:latest", "mine:latest"]


def test_refusals_have_the_shape_of_the_dialect(theirs: ollama.Client, openais: openai.OpenAI) -> None:
    with pytest.raises(ollama.ResponseError, match="model 'nope:latest' not found") as refused:
        theirs.chat("nope", SAID)
    assert refused.value.status_code == 404
    with pytest.raises(openai.NotFoundError, match="model 'nope:latest' not found"):
        openais.chat.completions.create(model="nope", messages=[{"role": "user", "content": "hi"}])
    with pytest.raises(ollama.ResponseError, match="does not support chat"):
        theirs.chat("all-minilm", SAID)


def test_a_model_stays_in_memory_as_long_as_asked(theirs: ollama.Client, node: FakeNode) -> None:
    theirs.chat(MODEL, SAID)
    theirs.embed("all-minilm", "lamp", keep_alive=0)
    assert [model.model for model in theirs.ps().models] == [MODEL]
    assert theirs.generate(MODEL, keep_alive=0).done_reason == "unload"
    assert theirs.ps().models == []
    assert theirs.generate(MODEL, keep_alive=-1).done_reason == "load"
    assert node.counters().loads == 3


def test_a_killed_node_refuses_and_comes_back_on_its_port(fleet: Fleet) -> None:
    first, second = fleet.nodes
    first.kill()
    assert hear(first, get("/")).end == "refused"
    assert whole(second, get("/api/version"), 0.3).status == 200
    first.restart()
    assert whole(first, get("/")).body == b"Ollama is running"


@pytest.mark.parametrize("how", ["fin", "rst"])
def test_a_kill_ends_work_and_forgets_models(node: FakeNode, how: Literal["fin", "rst"]) -> None:
    node.set(rate=20)
    with connected(node) as sock:
        sock.sendall(chat())
        listen(sock, 0, until=b"message")
        node.kill(how)
        told = node.counters()
        assert listen(sock, 0).end == how
    assert (told.in_flight, told.open_connections, told.loaded) == (0, 0, ())
    assert (told.faults, told.cancelled) == (1, 0)


def test_a_node_has_the_models_and_the_version_it_is_given(theirs: ollama.Client, node: FakeNode) -> None:
    node.set(models=["tiny:1b", {"name": "big:70b", "size": 40_000_000_000}], version="9.9.9")
    assert [(model.model, model.size) for model in theirs.list().models][1] == ("big:70b", 40_000_000_000)
    assert theirs.chat("tiny:1b", SAID).message.content
    assert json.loads(whole(node, get("/api/version")).body) == {"version": "9.9.9"}
    node.set(models=None)
    assert theirs.list().models[0].model == MODEL


def test_a_pull_takes_its_time_and_an_unknown_name_fails(theirs: ollama.Client, node: FakeNode) -> None:
    node.set(pull=0.3)
    began = time.monotonic()
    theirs.pull("qwen3:0.6b")
    assert time.monotonic() - began >= 0.3
    with pytest.raises(ollama.ResponseError, match="file does not exist"):
        theirs.pull("no-such")


def test_counters_tell_requests_and_bodies(theirs: ollama.Client, node: FakeNode) -> None:
    theirs.chat(MODEL, SAID)
    told = node.counters()
    assert (told.started, told.done, told.tokens, told.in_flight, told.paths) == (1, 1, 24, 0, {"/api/chat": 1})
    assert told.bytes_out > 100
    (seen,) = told.log
    assert (seen.outcome, seen.model, seen.tokens, seen.body["messages"]) == ("done", MODEL, 24, SAID)
    assert len(seen.body_sha256) == 64
    assert seen.at <= (seen.first_byte or 0) <= (seen.ended or 0)


def test_a_wrong_knob_is_named(node: FakeNode) -> None:
    with pytest.raises(FleetError, match="ratee"):
        node.set(ratee=5)
    with pytest.raises(FleetError, match="slots"):
        node.set(slots=0)


def test_first_knobs_hold_for_every_node_and_survive_default() -> None:
    with Fleet(2, answer_tokens=3) as small:
        small.set(rate=9)
        small.default()
        assert [(node.knobs().answer_tokens, node.knobs().rate) for node in small.nodes] == [(3, 0), (3, 0)]


def test_the_fleet_works_in_async_tests() -> None:
    async def talk() -> str | None:
        async with Fleet(1) as fleet:
            client = ollama.AsyncClient(fleet.nodes[0].url)
            said = (await client.chat(MODEL, SAID)).message.content
            await client._client.aclose()
            await fleet.nodes[0].until_async(lambda told: told.done == 1)
            return said

    assert asyncio.run(talk()) == expected()


def test_a_fleet_that_does_not_start_says_why() -> None:
    with pytest.raises(FleetError, match="invalid int value"):
        Fleet("many").start()  # type: ignore[arg-type]


def test_the_fleet_ends_with_its_parent(tmp_path: Path) -> None:
    script = "import os; from tests.fakes.fleet import Fleet; f = Fleet(1).start(); print(f.process.pid, f.nodes[0].port, flush=True); os.kill(os.getpid(), 9)"
    parent = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert parent.returncode == -signal.SIGKILL
    _, port = map(int, parent.stdout.split())
    for _ in range(200):
        if hear(port, get("/"), 0.2).end == "refused":
            return
    pytest.fail("the fleet outlived its parent")


def test_it_runs_from_the_command_line() -> None:
    command = [sys.executable, "-m", "tests.fakes.ollama_fake", "--nodes", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        assert b'"nodes": ["http://127.0.0.1:' in process.stdout.readline()
        process.terminate()
        assert process.wait(5) == 0
