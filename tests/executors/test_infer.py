"""INFER through a gateway that answers, refuses and is away."""

import pytest

from cluster_ai.core.errors import InvalidInput
from cluster_ai.executors.catalogue import check_parameters
from tests.compute.model_server import serving
from tests.executors.attempts import Bench

MODEL = "smollm2:135m"


@pytest.mark.real
def test_an_answer_with_its_tokens_and_the_key_that_was_shown(bench: Bench) -> None:
    with serving() as (url, plan):
        result = bench.result(
            "INFER", {"model": MODEL, "prompt": "hello there"}, gateway_url=url, gateway_key="cak_of-the-ticket"
        )
    assert result.ok, result
    assert result.value["text"] == "HELLO THERE"
    assert result.value["tokens"] == {"prompt": 2, "completion": 1}
    assert result.value["node"] == "node-1"
    assert plan.keys == {"Bearer cak_of-the-ticket"}


@pytest.mark.real
def test_a_chat_and_embeddings(bench: Bench) -> None:
    turns = [{"role": "system", "content": "be short"}, {"role": "user", "content": "well"}]
    with serving() as (url, _):
        chat = bench.result("INFER", {"model": MODEL, "messages": turns}, gateway_url=url)
        vectors = bench.result("INFER", {"model": MODEL, "texts": ["a", "abc"]}, gateway_url=url)
    assert chat.value["text"] == "WELL"
    assert vectors.value["embeddings"] == [[1.0, 1.0], [3.0, 1.0]]


@pytest.mark.real
def test_what_should_be_json_is_json_or_fails(bench: Bench) -> None:
    schema = {"type": "object", "required": ["age"]}
    wanted = {"model": MODEL, "prompt": "how old", "output_schema": schema}
    with serving() as (url, plan):
        bad = bench.result("INFER", wanted, gateway_url=url)
        plan.says = '{"age": 7}'
        good = bench.result("INFER", wanted, gateway_url=url)
    assert bad.code == "not_json"
    assert good.value["json"] == {"age": 7}
    assert plan.formats == [schema, schema]


@pytest.mark.real
def test_a_refusal_is_final_and_an_absence_is_not(bench: Bench) -> None:
    with serving(refused="bad") as (url, plan):
        refused = bench.result("INFER", {"model": MODEL, "prompt": "bad words"}, gateway_url=url)
        plan.down = True
        away = bench.result("INFER", {"model": MODEL, "prompt": "hello", "tries": 2}, gateway_url=url)
    assert (refused.code, refused.retryable) == ("model_refused", False)
    assert (away.code, away.retryable) == ("model_away", True)


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({"model": MODEL}, ""),
        ({"model": MODEL, "prompt": "x", "texts": ["y"]}, ""),
        ({"model": "../x", "prompt": "x"}, "model"),
        ({"model": MODEL, "prompt": 7}, "prompt"),
        ({"model": MODEL, "prompt": "x", "options": {"temperature": [1]}}, "options.temperature"),
        ({"model": MODEL, "messages": [{"role": "boss", "content": "x"}]}, "messages.0.role"),
    ],
)
def test_wrong_questions_are_refused_before_they_are_asked(parameters: dict[str, object], path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_parameters("INFER", parameters)
    assert caught.value.path.startswith(path)
