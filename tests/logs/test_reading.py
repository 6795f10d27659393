"""What becomes of a written line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.logs.masking import masked, masked_text
from cluster_ai.logs.reading import LONGEST_TEXT, read_line
from cluster_ai.logs.types import Entry
from tests.logs.writing import NOW, line

AT = int(NOW * 1e6)


def read(raw: bytes) -> Entry:
    got = read_line(raw, part="gateway", node="box", at=AT, now=AT)
    assert got is not None
    return got


def test_a_json_line_has_its_own_time_level_and_fields() -> None:
    got = read(line("call", level="warning", at="2027-01-15T08:00:00.123456Z", model="m", status=500))
    assert (got.at, got.level, got.part, got.node, got.text) == (1_800_000_000_123_456, 30, "gateway", "box", "call")
    assert json.loads(got.fields) == {"model": "m", "status": 500}


def test_a_line_that_tells_of_a_node_counts_as_that_nodes() -> None:
    assert read(line("x", node="n1")).node == "n1"
    assert read(line("x", node="")).node == "box"


@pytest.mark.parametrize(
    ("raw", "level", "text"),
    [
        (b"2027-01-15 08:00:00,000 - distributed.worker - WARNING - late", 30, None),
        (b"Traceback (most recent call last):", 40, None),
        (b"\x1b[31mred\x1b[0m", 20, "red"),
        (b"{not json", 20, None),
        (b'{"no": "event"}', 20, None),
        (b"\xff\xfe half", 20, "\ufffd\ufffd half"),
        (b"a\x00b", 20, "a\ufffdb"),
    ],
)
def test_any_other_line_is_kept_as_text(raw: bytes, level: int, text: str | None) -> None:
    got = read(raw)
    assert (got.level, got.at, got.fields) == (level, AT, "{}")
    assert got.text == (raw.decode() if text is None else text)


def test_an_empty_line_is_none() -> None:
    assert read_line(b" \r", part="p", node="n", at=AT, now=AT) is None


@pytest.mark.parametrize("stamp", ["tomorrow", "", "2999-01-01T00:00:00Z", "1960-01-01T00:00:00Z", 7, None])
def test_a_time_that_cannot_be_is_that_of_the_file(stamp: object) -> None:
    assert read(json.dumps({"event": "x", "timestamp": stamp}).encode()).at == AT


def test_what_is_too_long_is_cut_and_says_so() -> None:
    assert read(line("x" * 20_000)).text.endswith("(20000 characters)")
    assert len(read(line("x" * 20_000)).text) < LONGEST_TEXT + 40
    got = read(line("x", **{f"k{n}": "y" * 5000 for n in range(40)}))
    assert "characters)" in json.loads(got.fields)["cut"]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("key cai_abcdefg2_" + "s" * 43 + " used", "key cai_abcdefg2_*** used"),
        ("Authorization: Bearer abcdefghijkl", None),
        ("postgresql://me:hunter2hunter2@db/x", "postgresql://me:***@db/x"),
        ("eyJhbGciOi.eyJzdWIiOi.c2lnbmF0", "***"),
        ("password=correct-horse next", "password=*** next"),
        ('{"token": "abcdefgh"}', '{"token": "***"}'),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- end", "*** end"),
        ("the token is gone, prompt_tokens=123456", "the token is gone, prompt_tokens=123456"),
        ("no secret here", "no secret here"),
    ],
)
def test_secrets_are_known_by_their_shape(text: str, kept: str | None) -> None:
    got = masked_text(text)
    assert "abcdefghijkl" not in got
    assert kept is None or got == kept
    assert masked_text(got) == got, "twice is as once"


def test_secrets_are_known_by_their_name_at_any_depth() -> None:
    told = {
        "a": {"Api_Key": "x", "list": [{"cookie": ["y"]}]},
        "prompt_tokens": 5,
        "token": 5,
        "password": 5,
        "ok": True,
    }
    assert masked(told) == {
        "a": {"Api_Key": "***", "list": [{"cookie": "***"}]},
        "prompt_tokens": 5, "token": 5, "password": "***", "ok": True,
    }  # fmt: skip
    deep: object = "secret=hunter2hunter2"
    for _ in range(20):
        deep = {"a": deep}
    assert "hunter2" not in json.dumps(masked(deep))


@given(st.binary(max_size=300))
def test_any_bytes_become_a_line_or_none(raw: bytes) -> None:
    got = read_line(raw, part="p", node="n", at=AT, now=AT)
    if got is not None:
        assert isinstance(json.loads(got.fields), dict)
        assert "\x00" not in got.text + got.fields
        (got.text + got.fields).encode()


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_any_field_is_stored_as_json(value: object) -> None:
    got = read(json.dumps({"event": "x", "value": value}).encode())
    assert isinstance(json.loads(got.fields), dict)
