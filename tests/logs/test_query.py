"""The search language."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.logs.query import EVERYTHING, Named, Query, Words, match_of, parse
from cluster_ai.logs.types import BadQuery

NOW = 1_800_000_000.0


def test_words_phrases_and_what_must_not_stand_there() -> None:
    got = parse('timeout "no node" -retry work*', now=NOW)
    assert got.words == (
        Words("timeout"), Words("no node"), Words("retry", without=True), Words("work", prefix=True)
    )  # fmt: skip
    assert match_of(got) == ('"timeout" AND "no node" AND "work" *', '"retry"')


def test_filters() -> None:
    got = parse("level:Warning part:gateway,worker-* -node:n1 since:2h until:10m", now=NOW)
    assert got.level == 30
    assert got.named == (Named("part", ("gateway", "worker-*")), Named("node", ("n1",), without=True))
    assert (got.since, got.until) == ((1_800_000_000 - 7200) * 10**6, (1_800_000_000 - 600) * 10**6)
    assert parse("since:2027-01-15T08:00", now=NOW).since == 1_800_000_000 * 10**6
    assert parse('since:"2027-01-15 08:00"', now=NOW).since == 1_800_000_000 * 10**6
    assert parse("", now=NOW) == parse("   ", now=NOW) == EVERYTHING


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('"never closed', "quote"),
        ('""', "no letter"),
        ("***", "no letter"),
        ("user:me", "no filter user:"),
        ("level:loud", "no level loud"),
        ("-level:info", "means nothing"),
        ("part: gateway", "nothing stands behind part:"),
        ("part:a;b", "no name"),
        ("part:a,,b", "no name"),
        ("since:yesterday", "no time"),
        ("since:99999999999h", "no time"),
        ("since:1h until:2h", "lies behind"),
        ("x" * 501, "at most 500"),
        ("a " * 33, "at most 32"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(text: str, said: str) -> None:
    with pytest.raises(BadQuery, match=said) as caught:
        parse(text, now=NOW)
    assert caught.value.code == "bad_log_query"
    assert caught.value.path == "q"


def test_the_hint_says_how_to_look_for_a_colon() -> None:
    with pytest.raises(BadQuery) as caught:
        parse("http:8000", now=NOW)
    assert '"http:8000"' in caught.value.hint


@given(st.text(max_size=120))
def test_any_text_is_understood_or_refused(text: str) -> None:
    with contextlib.suppress(BadQuery):
        assert isinstance(parse(text, now=NOW), Query)
