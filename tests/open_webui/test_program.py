"""The real Open WebUI in front of the real gateway: out of the box, and when nodes die, sleep or are busy."""

import json
import time
from typing import Any

import pytest

from tests.open_webui.conftest import MODEL, TALKER, Place
from tests.open_webui.program import chunks, text
from tests.waiting import until

pytestmark = [pytest.mark.open_webui, pytest.mark.timeout(300)]


def question(*, stream: bool = True, **more: Any) -> dict[str, Any]:
    return {"model": TALKER, "messages": [{"role": "user", "content": "hello"}], "stream": stream} | more


def test_models_of_every_node_are_listed_once(place: Place) -> None:
    assert sorted(place.ui.models()) == ["all-minilm:latest", MODEL, TALKER]


def test_streamed_answer_arrives_whole(place: Place) -> None:
    status, body = place.ui.request("POST", "/api/chat/completions", question())
    assert status == 200
    assert len(text(body).split()) >= 20
    assert chunks(body)[-1]["choices"][0]["finish_reason"] == "stop"
    assert body.rstrip().endswith(b"data: [DONE]")


def test_answer_that_is_not_streamed_arrives_whole(place: Place) -> None:
    told = place.ui.json("POST", "/api/chat/completions", question(stream=False))
    assert len(told["choices"][0]["message"]["content"].split()) >= 20
    assert told["usage"]["completion_tokens"] > 0


def test_node_killed_in_mid_answer_is_no_short_answer(place: Place) -> None:
    place.gateway.fleet.set(rate=20, answer_tokens=200)
    with place.ui.opened("/api/chat/completions", question()) as answer:
        got = answer.readline()
        until(lambda: place.writing(5), what="a node writes").kill()
        got += answer.read()
    assert 1 <= len(text(got).split()) < 190
    assert chunks(got)[-1]["error"]["message"] == "Chat completion stream failed"


def test_refusal_of_every_node_reaches_the_person_as_its_reason(place: Place) -> None:
    place.gateway.fleet.set(status=503, retry_after=3)
    status, body = place.ui.request("POST", "/api/chat/completions", question())
    assert (status >= 400, len(json.loads(body)["detail"]) > 10) == (True, True), (status, body)


def test_stopping_frees_the_node(place: Place) -> None:
    place.gateway.fleet.set(rate=20, answer_tokens=400)
    with place.ui.opened("/api/chat/completions", question()) as answer:
        assert answer.readline().startswith(b"data: ")
        node = until(lambda: place.writing(1), what="a node writes")
    assert node.until(lambda told: told.cancelled == 1).in_flight == 0


def test_node_asleep_does_not_hold_up_the_list(place: Place) -> None:
    place.nodes[0].set(listen="hang", frozen=True)
    try:
        for _ in range(3):
            began = time.monotonic()
            assert TALKER in place.ui.models()
            assert time.monotonic() - began < 5, "its own time limit for a server that sleeps is 10 s"
            time.sleep(1.1)  # it keeps a list for one second
    finally:
        place.nodes[0].set(listen="up", frozen=False)


def test_first_account_gets_an_answer_of_the_model_that_comes_along(place: Place) -> None:
    asked = [{"role": "user", "content": "What is the capital of France?"}]
    fields = question(model=MODEL, messages=asked, params={"temperature": 0, "max_tokens": 24})
    status, body = place.ui.request("POST", "/api/chat/completions", fields, timeout=120)
    assert status == 200
    assert "Paris" in text(body)


def test_documents_are_embedded_by_the_model_that_comes_along(place: Place) -> None:
    fields = {"model": "all-minilm:latest", "input": ["one", "another"]}
    vectors = place.ui.json("POST", "/ollama/api/embed", fields)["embeddings"]
    assert [len(vector) for vector in vectors] == [384, 384]
