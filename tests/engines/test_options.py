"""Options and durations, without any I/O."""

import contextlib
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cluster_ai.core.errors import InvalidInput
from cluster_ai.engines.embedded.bodies import ChatBody, parsed, seconds
from cluster_ai.engines.embedded.options import COUNTS, SAME, sampling, stops
from cluster_ai.engines.embedded.prompts import Prompt, TooLong

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        (300, 300), (0, 0), (0.5, 0.5), (-1, math.inf), ("5m", 300), ("1h30m", 5400), ("700ms", 0.7), ("-1m", math.inf),
        ("0", 0), ("-1", math.inf), ("1.5s", 1.5), ("10", 10), (1e300, math.inf), (".5s", 0.5),
    ],
)  # fmt: skip
def test_keep_alive(spelled: float | str, expected: float) -> None:
    assert seconds(spelled) == pytest.approx(expected)


@pytest.mark.parametrize("spelled", ["", "m", "5 m", "5x", "1h30", "--1", "1m-2s", "soon"])
def test_keep_alive_that_is_none(spelled: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        seconds(spelled)


def test_defaults_of_ollama_then_model_then_caller() -> None:
    params = sampling({"top_k": 5}, defaults={"temperature": 0.1, "top_k": 7}, context=100).params
    assert (params["temperature"], params["top_k"], params["top_p"]) == (0.1, 5, 0.9)
    assert params["n_predict"] == -1


@pytest.mark.parametrize(("asked", "given"), [(-2, -1), (-1, -1), (0, -1), (10, 10), (10.0, 10)])
def test_num_predict(asked: float, given: int) -> None:
    assert sampling({"num_predict": asked}, defaults={}, context=100).params["n_predict"] == given


def test_num_ctx_above_the_slot_is_lowered_with_a_word() -> None:
    assert sampling({"num_ctx": 101}, defaults={}, context=100).warnings
    assert not sampling({"num_ctx": 100}, defaults={}, context=100).warnings


def test_negative_seed_is_random_and_a_large_one_fits() -> None:
    assert sampling({"seed": -5}, defaults={}, context=100).params["seed"] == -1
    assert 0 <= sampling({"seed": 2**40 + 3}, defaults={}, context=100).params["seed"] < 2**32


@example({"seed": math.inf})
@given(st.dictionaries(st.sampled_from([*SAME, *COUNTS, "stop", "n_discard"]), JSON))
def test_any_option_is_taken_or_refused(options: dict[str, Any]) -> None:
    try:
        params = sampling(options, defaults={}, context=64).params
    except InvalidInput:
        return
    assert "n_discard" not in params
    assert all(isinstance(value, int | float | list) for value in params.values())
    assert params.get("repeat_last_n", 0) <= 64


@given(st.dictionaries(st.sampled_from([*ChatBody.model_fields]), JSON))
def test_any_body_is_taken_or_refused(body: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidInput):
        assert parsed(ChatBody, body).model_dump(exclude_none=True).keys() <= body.keys() | {"model"}


def test_stops() -> None:
    assert stops("x", path="stop") == ["x"]
    for wrong in ("", [""], ["x"] * 65, ["y" * 1001], [1], {"a": 1}, None):
        with pytest.raises(InvalidInput):
            stops(wrong, path="stop")


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant"]), st.text(max_size=300)), min_size=1, max_size=12))
def test_a_talk_always_becomes_shorter_and_keeps_system_and_last(turns: list[tuple[str, str]]) -> None:
    system = {"role": "system", "content": "S"}
    messages = [system, *({"role": role, "content": text} for role, text in turns)]
    prompt = Prompt("chat", {"messages": messages}, cut=True)
    rounds = 0
    while True:
        try:
            shorter = prompt.shorter(TooLong(3000, 2000))
        except TooLong:
            break
        told = shorter.body["messages"]
        assert len(told) < len(prompt.body["messages"])
        assert (told[0], told[-1]) == (system, messages[-1])
        prompt = shorter
        rounds += 1
    assert prompt.body["messages"] == [system, messages[-1]]
    assert rounds < len(messages)


def test_a_prompt_that_must_not_be_cut_says_so() -> None:
    prompt = Prompt("chat", {"messages": [{"role": "user", "content": "x"}] * 3})
    with pytest.raises(TooLong, match="3000 tokens"):
        prompt.shorter(TooLong(3000, 2000))
