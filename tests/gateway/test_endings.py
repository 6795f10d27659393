"""When an answer is whole, told from its last bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.gateway.dialects import (
    LONGEST_RECORD,
    RELAYED,
    TAIL_BYTES,
    Call,
    is_complete,
    is_whole,
    keep_tail,
    tells_error,
    usage,
)

OLLAMA = Call(RELAYED["/api/chat"], "m", stream=True, body=b"", headers={})
OPENAI = Call(RELAYED["/v1/chat/completions"], "m", stream=True, body=b"", headers={})


@pytest.mark.parametrize(
    ("call", "tail", "whole"),
    [
        (OLLAMA, b'{"done":false}\n{"model":"m","done":true}\n', True),
        (OLLAMA, b'{"model": "m", "done": true}', True),
        (OLLAMA, b'{"done":true}\n{"done":false}\n', False),
        (OLLAMA, b'{"message":{"tool_calls":[{"arguments":{"done":true}}]},"done":false}\n', False),
        (OLLAMA, b'{"message":{"content":"\\"done\\":true"},"done":false}\n', False),
        (OLLAMA, b'{"done":tr', False),
        (OLLAMA, b'{"error":"out of memory"}\n', False),
        (OLLAMA, b"", False),
        (OPENAI, b'data: {"choices":[]}\n\ndata: [DONE]\n\n', True),
        (OPENAI, b"data:[DONE]\n", True),
        (OPENAI, b'data: {"choices":[{"delta":{"content":"print \\"[DONE]\\" when"}}]}\n\n', False),
        (OPENAI, b"data: [DON", False),
    ],
)
def test_only_the_last_record_ends_a_stream(call: Call, tail: bytes, whole: bool) -> None:
    assert is_complete(call, tail) is whole


def test_an_error_in_the_nodes_own_words_is_told() -> None:
    assert tells_error(b'{"done":false}\n{"error":"out of memory"}\n')
    assert tells_error(b'data: {"error":{"message":"x"}}\n\n')
    assert not tells_error(b'{"message":{"content":"error"},"done":false}\n')


def test_a_body_that_nothing_delimits_is_whole_when_it_can_be_read() -> None:
    assert is_whole(b'{"a":{"b":1}}')
    assert not is_whole(b'{"a":{"b":1}')


def test_a_long_final_record_is_kept_whole() -> None:
    # /api/generate ends with the whole context as numbers.
    record = json.dumps({"done": True, "eval_count": 7, "context": list(range(9000))}).encode() + b"\n"
    assert len(record) > 4 * TAIL_BYTES
    tail = b""
    for start in range(0, len(record), 1000):
        tail = keep_tail(tail, (b'{"done":false}\n' * 900 if start == 0 else b"") + record[start : start + 1000])
    assert is_complete(OLLAMA, tail)
    assert usage(tail).output_tokens == 7


@given(st.lists(st.binary(min_size=1, max_size=5000), max_size=30))
def test_the_tail_is_the_end_and_bounded(chunks: list[bytes]) -> None:
    tail, everything = b"", b""
    for chunk in chunks:
        tail, everything = keep_tail(tail, chunk), everything + chunk
    assert everything.endswith(tail)
    assert len(tail) <= LONGEST_RECORD
    assert len(tail) >= min(len(everything), TAIL_BYTES)
