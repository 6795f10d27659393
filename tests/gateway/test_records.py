"""Streams cut anywhere give the same records; what is no record is found out, and what was good before it is kept."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.gateway.dialects.paths import Dialect
from cluster_ai.gateway.dialects.records import LONGEST, Malformed, Records
from cluster_ai.gateway.dialects.usage import Usage

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
# Never the last of a stream: Hypothesis takes words from the code it tests, and what comes behind an end is nobody's.
words = st.text().filter(lambda word: word not in ("done", "type"))
objects = st.lists(st.dictionaries(words, values, max_size=4), max_size=8)


def lines(rows: list) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def events(rows: list, end: bytes = b"\n\n") -> bytes:
    return b"".join(b"data: " + json.dumps(row).encode() + end for row in rows) + b"data: [DONE]" + end


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@pytest.mark.parametrize("dialect", [Dialect.OLLAMA, Dialect.OPENAI])
@given(rows=objects, places=st.lists(st.integers(0, 10_000), max_size=12), crlf=st.booleans())
def test_however_a_stream_is_cut(dialect: Dialect, rows: list, places: list[int], crlf: bool) -> None:
    whole = lines(rows) if dialect is Dialect.OLLAMA else events(rows, b"\r\n\r\n" if crlf else b"\n\n")
    records = Records(dialect)
    found = [record for chunk in cut(whole, places) for record in records.feed(chunk)] + records.end()
    assert [record.data for record in found if record.data is not None] == rows
    assert b"".join(record.raw for record in found) == whole, "bytes pass as they came"


@pytest.mark.parametrize(
    ("dialect", "raw", "is_last"),
    [
        (Dialect.OLLAMA, b'{"model":"m","done":true}\n', True),
        (Dialect.OLLAMA, b'{"done":1}\n', False),
        (Dialect.OLLAMA, b'{"message":{"tool_calls":[{"arguments":{"done":true}}]},"done":false}\n', False),
        (Dialect.OLLAMA, b'{"message":{"content":"\\"done\\":true"},"done":false}\n', False),
        (Dialect.OPENAI, b"data: [DONE]\n\n", True),
        (Dialect.OPENAI, b"data:[DONE]\r\n\r\n", True),
        (Dialect.OPENAI, b'data: {"choices":[{"delta":{"content":"[DONE]"}}]}\n\n', False),
        (Dialect.ANTHROPIC, b'event: message_stop\ndata: {"type":"message_stop"}\n\n', True),
        (Dialect.OPENAI, b'event: response.completed\ndata: {"type":"response.completed"}\n\n', True),
        (Dialect.OPENAI, b": keep-alive\n\n", False),
    ],
)
def test_only_the_last_record_ends_a_stream(dialect: Dialect, raw: bytes, is_last: bool) -> None:
    [record] = Records(dialect).feed(raw)
    assert record.is_last is is_last


def test_a_last_line_without_its_end_counts_when_the_stream_is_over() -> None:
    records = Records(Dialect.OLLAMA)
    assert records.feed(b'{"done":true}') == []
    [record] = records.end()
    assert record.is_last


@pytest.mark.parametrize(
    ("dialect", "bad"),
    [
        (Dialect.OLLAMA, b"garbage\n"),
        (Dialect.OLLAMA, b"[1]\n"),
        (Dialect.OLLAMA, b'{"a":"\xc3"}\n'),
        (Dialect.OLLAMA, b'{"a":\n'),
        (Dialect.OPENAI, b"data: {\n\n"),
        (Dialect.OPENAI, b"<html>\n\n"),
        (Dialect.OPENAI, b'data: "text"\n\n'),
    ],
)
def test_what_is_no_record_is_found_out(dialect: Dialect, bad: bytes) -> None:
    good = b'{"a":1}\n' if dialect is Dialect.OLLAMA else b'data: {"a":1}\n\n'
    with pytest.raises(Malformed, match="no record") as caught:
        Records(dialect).feed(good + bad)
    assert [record.data for record in caught.value.before] == [{"a": 1}]


def test_half_a_record_at_the_end_is_no_record() -> None:
    records = Records(Dialect.OLLAMA)
    records.feed(b'{"done":tr')
    with pytest.raises(Malformed):
        records.end()


def test_a_record_without_an_end_is_not_collected_for_ever() -> None:
    records = Records(Dialect.OLLAMA)
    records.feed(b"x" * LONGEST)
    with pytest.raises(Malformed, match="no end"):
        records.feed(b"x")


@pytest.mark.parametrize(
    ("raw", "error"),
    [(b'{"error":"out of memory"}\n', "out of memory"), (b'{"message":{"content":"error"},"done":false}\n', "")],
)
def test_an_error_in_the_nodes_own_words(raw: bytes, error: str) -> None:
    [record] = Records(Dialect.OLLAMA).feed(raw)
    assert record.error == error


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"prompt_eval_count": 10, "prompt_eval_duration": 2 * 10**9, "eval_count": 7, "eval_duration": 10**9,
          "load_duration": 3 * 10**9}, Usage(10, 2.0, 7, 1.0, 3.0)),
        ({"usage": {"prompt_tokens": 5, "completion_tokens": 6}}, Usage(5, 0, 6)),
        ({"message": {"usage": {"input_tokens": 5, "output_tokens": 1}}}, Usage(5, 0, 1)),
        ({"usage": {"output_tokens": 9}}, Usage(0, 0, 9)),
        ({"usage": None, "eval_count": True}, Usage()),
        ({"usage": {"prompt_tokens": -4, "completion_tokens": "6"}}, Usage()),
    ],
)  # fmt: skip
def test_usage_in_every_dialect(data: dict, expected: Usage) -> None:
    usage = Usage()
    usage.read(data)
    assert usage == expected
