"""By its version a node is known to speak a path or not; what cannot be read promises nothing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.gateway.dialects.anthropic import to_ollama
from cluster_ai.gateway.dialects.anthropic_tokens import estimated_tokens, tokens_of
from cluster_ai.gateway.dialects.responses import all_speak, not_spoken, speaks
from tests.engines.running import RunningNode


@pytest.mark.parametrize(
    ("version", "responses", "messages"),
    [
        ("0.12.6", False, False),
        ("0.13.2", False, False),
        ("0.13.3", True, False),
        ("0.13.10", True, False),
        ("0.14.0", True, True),
        ("0.14.0-rc1", True, True),
        ("v0.40.12", True, True),
        ("1.0", True, True),
        ("0.0.0", False, False),
        ("", False, False),
        ("main", False, False),
    ],
)
def test_versions(version: str, responses: bool, messages: bool) -> None:
    assert speaks(version, "/v1/responses") is responses
    assert speaks(version, "/v1/messages") is messages


def test_nobody_counts_tokens_and_everybody_chats() -> None:
    assert not speaks("9.9.9", "/v1/messages/count_tokens")
    assert speaks("", "/api/chat")


def test_a_call_goes_on_as_it_is_only_when_every_node_speaks_it() -> None:
    assert all_speak(["0.14.0", "0.33.0"], "/v1/messages")
    assert not all_speak(["0.14.0", "0.12.6"], "/v1/messages")
    assert not all_speak([], "/v1/messages")


def test_the_refusal_says_what_is_there_and_what_to_do() -> None:
    refusal = not_spoken("/v1/responses", "m", ["0.12.6", ""])
    assert refusal.message == (
        "no node that has m answers /v1/responses: it came with Ollama 0.13.3, these have 0.12.6, unknown"
    )
    assert "/v1/chat/completions" in refusal.hint


@given(st.text())
def test_no_version_is_a_crash(version: str) -> None:
    speaks(version, "/v1/messages")


def about(**fields: object) -> int:
    said = [{"role": "user", "content": "lamp " * 100}]
    return estimated_tokens(to_ollama({"max_tokens": 1, "messages": said, **fields}))


def test_an_estimate_grows_with_what_is_sent() -> None:
    plain = about()
    assert 100 <= plain <= 110
    tool = {"name": "paint", "input_schema": {"type": "object", "description": "lamp " * 50}}
    assert plain + 50 < about(tools=[tool]) < plain + 100
    assert about(system="Be short.") == plain + 8
    picture = {"type": "image", "source": {"type": "base64", "data": "iVBO"}}
    assert about(messages=[{"role": "user", "content": [picture]}]) > 700
    assert tokens_of("lamp " * 100_000) == pytest.approx(100_000, rel=0.01)


@pytest.mark.real
@pytest.mark.parametrize("text", [Path(__file__).read_text()[:500], "The keeper climbed its stairs each evening. " * 6])
def test_an_estimate_is_near_what_a_model_counts(embedded: RunningNode, text: str) -> None:
    body = {
        "model": "smollm2:135m",
        "messages": [{"role": "system", "content": "-"}, {"role": "user", "content": text}],
    }
    counted = embedded.ask("/api/chat", body | {"options": {"num_predict": 1}, "stream": False}).json
    assert estimated_tokens(body) == pytest.approx(counted["prompt_eval_count"], rel=0.25)
