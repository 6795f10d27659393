"""What has been told decides how another node is asked to go on; the seam does not show."""

import json
from typing import Any

import pytest

from cluster_ai.gateway.dialects.call import Call, read_call
from cluster_ai.gateway.dialects.paths import RELAYED
from cluster_ai.gateway.dialects.records import Record
from cluster_ai.gateway.dialects.telling import Seam, Told, can_go_on, rest_of

TALK = [{"role": "user", "content": "hi"}]


def call(path: str, **fields: Any) -> Call:
    return read_call(RELAYED[path], json.dumps({"model": "m"} | fields).encode())


def told(path: str, *rows: dict) -> Told:
    found = Told(RELAYED[path])
    for row in rows:
        found.add(Record(b"", row))
    return found


def chat(text: str, **more: Any) -> dict:
    return {"message": {"role": "assistant", "content": text, **more}, "done": False}


def chunk(text: str, **more: Any) -> dict:
    return {"id": "one", "created": 1, "choices": [{"index": 0, "delta": {"content": text, **more}}]}


def test_a_chat_goes_on_from_what_was_said() -> None:
    asked = call("/api/chat", messages=TALK, options={"seed": 7, "num_predict": 10}, keep_alive="5m", x="kept")
    rest = rest_of(asked, told("/api/chat", chat("one"), chat(" two")), digest="abc")
    assert rest.fields["messages"] == [*TALK, {"role": "assistant", "content": "one two"}]
    assert rest.fields["options"] == {"seed": 7, "num_predict": 8}
    assert (rest.fields["keep_alive"], rest.fields["x"], rest.digest) == ("5m", "kept", "abc")
    assert json.loads(rest.body) == rest.fields
    assert asked.fields["messages"] == TALK, "the call itself is not changed"


def test_a_beginning_that_the_client_gave_is_kept() -> None:
    begun = [*TALK, {"role": "assistant", "content": "I say: "}]
    rest = rest_of(call("/api/chat", messages=begun), told("/api/chat", chat("yes")), digest="")
    assert rest.fields["messages"] == [*TALK, {"role": "assistant", "content": "I say: yes"}]


def test_generate_goes_on_as_a_chat_and_raw_as_raw() -> None:
    rest = rest_of(call("/api/generate", prompt="p", system="s"), told("/api/generate", {"response": "r"}), digest="")
    assert rest.path.path == "/api/chat"
    assert rest.fields["messages"] == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "p"},
        {"role": "assistant", "content": "r"},
    ]
    raw = rest_of(call("/api/generate", prompt="p", raw=True), told("/api/generate", {"response": "r"}), digest="")
    assert (raw.path.path, raw.fields["prompt"]) == ("/api/generate", "pr")


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_a_limit_of_tokens_is_what_is_left_of_it(limit: str) -> None:
    asked = call("/v1/chat/completions", messages=TALK, stream=True, **{limit: 5})
    assert rest_of(asked, told("/v1/chat/completions", chunk("a"), chunk("b")), digest="").fields[limit] == 3


@pytest.mark.parametrize(
    ("path", "fields", "row", "goes_on"),
    [
        ("/api/chat", {}, chat("x"), True),
        ("/api/generate", {"prompt": "p"}, {"response": "x"}, True),
        ("/v1/chat/completions", {"n": 1}, chunk("x"), True),
        ("/v1/chat/completions", {}, chunk("", role="assistant"), True),
        ("/api/chat", {"format": "json"}, chat("{"), False),
        ("/api/chat", {"tools": [{}]}, chat("x"), False),
        ("/api/chat", {}, chat("", tool_calls=[{}]), False),
        ("/api/chat", {}, chat("", thinking="hm"), False),
        ("/api/generate", {"prompt": "p", "context": [1]}, {"response": "x"}, False),
        ("/v1/chat/completions", {"n": 2}, chunk("x"), False),
        ("/v1/chat/completions", {}, chunk("x", tool_calls=[{}]), False),
        ("/v1/chat/completions", {"response_format": {"type": "json_object"}}, chunk("{"), False),
        ("/v1/completions", {"prompt": "p"}, {"choices": [{"text": "x"}]}, False),
    ],
)
def test_what_can_be_gone_on_with(path: str, fields: dict, row: dict, goes_on: bool) -> None:
    assert can_go_on(call(path, messages=TALK, stream=True, **fields), told(path, row)) is goes_on


@pytest.mark.parametrize(
    ("path", "row", "is_nothing"),
    [
        ("/api/chat", chat(""), True),
        ("/api/chat", chat("a"), False),
        ("/api/chat", chat("", thinking="a"), False),
        ("/api/chat", chat("", tool_calls=[{}]), False),
        ("/v1/chat/completions", chunk("", role="assistant"), True),
        ("/v1/chat/completions", {"choices": [], "usage": {}}, True),
        ("/v1/chat/completions", chunk("", reasoning="a"), False),
    ],
)
def test_an_answer_of_which_nothing_was_told_can_begin_anew(path: str, row: dict, is_nothing: bool) -> None:
    assert told(path, row).is_nothing is is_nothing


def test_the_seam_counts_all_tokens_and_says_that_it_is_there() -> None:
    seam = Seam(RELAYED["/api/chat"], {}, before=5, times=2)
    last = seam.mend(Record(b"", {"done": True, "eval_count": 3, "message": {"content": ""}}, is_last=True))
    assert (last.data["eval_count"], last.data["cluster"], last.is_last) == (8, {"resumed": 2}, True)
    assert json.loads(last.raw) == last.data


def test_the_rest_of_a_generate_is_told_as_a_generate() -> None:
    seam = Seam(RELAYED["/api/generate"], {}, before=1, times=1)
    mended = seam.mend(Record(b"", chat("rest")))
    assert (mended.data["response"], "message" in mended.data) == ("rest", False)


def test_the_rest_of_a_completion_has_the_ids_of_its_beginning_and_no_second_opening() -> None:
    seam = Seam(RELAYED["/v1/chat/completions"], {"id": "one", "created": 1}, before=4, times=1)
    assert seam.mend(Record(b"", {"id": "two", "choices": [{"delta": {"role": "assistant", "content": ""}}]})) is None
    words = seam.mend(Record(b"", {"id": "two", "created": 9, "choices": [{"delta": {"content": "x"}}]}))
    assert (words.data["id"], words.data["created"]) == ("one", 1)
    end = seam.mend(Record(b"", {"id": "two", "choices": [{"delta": {}, "finish_reason": "stop"}]}))
    assert end.data["cluster"] == {"resumed": 1}
    usage = seam.mend(Record(b"", {"id": "two", "choices": [], "usage": {"completion_tokens": 3}}))
    assert usage.data["usage"]["completion_tokens"] == 7
    done = Record(b"data: [DONE]\n\n", None, is_last=True)
    assert seam.mend(done) is done
