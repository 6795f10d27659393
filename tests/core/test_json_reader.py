"""The fast reader of JSON bodies answers what the careful one answers, or leaves the body to it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.wire import INT64_MAX, _is_beyond_doubt, _parse_slowly, parse_json

TEXT = st.text(st.sampled_from('a":\\ {}é\x00'), max_size=6)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))


def outcome(read: object, body: bytes) -> tuple[str, object]:
    try:
        value = read(body)
    except InvalidInput as exc:
        return "refused", exc.message
    return "read", json.dumps(value)


@given(VALUES, st.sampled_from([None, 1]), st.booleans())
def test_both_read_the_same(value: object, indent: int | None, ascii_only: bool) -> None:
    body = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    assert outcome(parse_json, body) == outcome(_parse_slowly, body)


@given(st.lists(st.tuples(TEXT, st.integers(0, 9) | TEXT), max_size=6), st.sampled_from([":", " :", "\n\t : "]))
def test_key_that_stands_twice_is_never_missed(pairs: list[tuple[str, object]], colon: str) -> None:
    body = "{" + ",".join(json.dumps(key) + colon + json.dumps(value) for key, value in pairs) + "}"
    twice = len({key for key, _ in pairs}) < len(pairs)
    kind, said = outcome(parse_json, body.encode())
    assert kind == ("refused" if twice else "read")
    assert not twice or said == "a key stands twice in one object"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[1,]", b"NaN", b"1e999", b'"\\ud800"', b'"\xff"', b"\xef\xbb\xbf{}", b"1" * 30,
        str(2**63).encode(), str(-(2**63)).encode(), str(2**64).encode(), b"1e20", b"-0", b'"\x01"',
        b"[" * 64 + b"]" * 64, b"[" * 65 + b"]" * 65, b"[" * 5000 + b"]" * 5000, b'{"a":' * 64 + b"1" + b"}" * 64,
    ],
    ids=lambda body: body[:20].decode(errors="replace"),
)  # fmt: skip
def test_borders_are_the_same_for_both(body: bytes) -> None:
    assert outcome(parse_json, body) == outcome(_parse_slowly, body)


def test_ordinary_request_is_read_once() -> None:
    value = {"model": "a:b", "messages": [{"role": "user", "content": 'say "hi": now'}], "options": {"seed": INT64_MAX}}
    assert _is_beyond_doubt({"model": "a:b"}, b'{"model": "a:b"}')
    assert _is_beyond_doubt(json.loads(b'{"t": "12:30"}'), b'{"t": "12:30"}')
    assert parse_json(json.dumps(value).encode()) == value
