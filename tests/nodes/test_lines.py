"""Join lines: what is written is read again, and a part of one is refused with a sentence."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.nodes.lines import (
    ID_BYTES,
    SECRET_BYTES,
    BadLine,
    Line,
    digest_of,
    id_of,
    is_token,
    new_token,
    parse_line,
)
from cluster_ai.nodes.lines import place as joined

LINE = Line(("192.168.1.10:8443", "head.lan:8443", "[fe80::1]:8443"), "0a" * 32, new_token(bytes(range(32))))
PORTS = st.integers(1, 65_535)
NAMES = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,30}", fullmatch=True)
PLACES = st.builds(joined, st.one_of(NAMES, st.ip_addresses().map(str)), PORTS)
LINES = st.builds(
    Line,
    st.lists(PLACES, min_size=1, max_size=8, unique=True).map(tuple),
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.binary(min_size=ID_BYTES + SECRET_BYTES, max_size=ID_BYTES + SECRET_BYTES).map(new_token),
)


@given(LINES)
def test_what_is_written_is_read_again(line: Line) -> None:
    assert parse_line(line.text) == line


def test_breaks_that_came_in_by_copying_are_forgiven() -> None:
    text = LINE.text
    assert parse_line(f"  {text[:40]}\r\n   {text[40:90]}\n{text[90:]}\n") == LINE


def test_every_line_that_was_cut_is_refused_with_a_sentence() -> None:
    for length in range(len(LINE.text)):
        for part in (LINE.text[:length], LINE.text[-length:] if length else ""):
            with pytest.raises(BadLine) as refused:
                parse_line(part)
            assert refused.value.message
            assert refused.value.hint


@given(st.text(), st.integers(0, 10_000))
def test_line_with_something_else_in_it_is_itself_or_refused(text: str, place: int) -> None:
    place %= len(LINE.text)
    try:
        found = parse_line(LINE.text[:place] + text + LINE.text[place:])
    except BadLine:
        return
    assert parse_line(found.text) == found


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    with pytest.raises(BadLine):
        parse_line(text)


@pytest.mark.parametrize(
    "text",
    [
        LINE.text.replace("https", "http"),
        LINE.text.replace("/join", "/leave"),
        LINE.text.replace("https://", "https://somebody@"),
        LINE.text.replace(":8443", ":0", 1),
        LINE.text.replace(":8443", ":70000", 1),
        LINE.text.replace("ca=", "ca=x"),
        LINE.text.replace("?", "?ca=" + "0b" * 32 + "&"),
        LINE.text.replace("#", "%23"),
        LINE.text + "0",
        LINE.text.upper(),
        "https://[::1/join?ca=" + "0a" * 32 + "#" + LINE.token,
    ],
)
def test_lines_that_nearly_are_one_are_refused(text: str) -> None:
    with pytest.raises(BadLine):
        parse_line(text)


def test_secret_stands_behind_the_hash_alone() -> None:
    before, _, after = LINE.text.partition("#")
    assert after == LINE.token
    assert LINE.token.partition(".")[2] not in before
    assert set(after) <= set(string.hexdigits + ".")


def test_what_is_stored_tells_the_token_and_gives_nothing_away() -> None:
    stored = digest_of(LINE.token)
    assert is_token(LINE.token, stored)
    assert not is_token(LINE.token[:-1], stored)
    assert not is_token("", stored)
    assert LINE.token.partition(".")[2] not in stored
    assert id_of(LINE.token) == "0001020304050607"
    assert [id_of(text) for text in ("", "x", LINE.token[:-1], LINE.token.replace(".", ""))] == [""] * 4
