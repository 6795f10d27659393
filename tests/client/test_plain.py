"""Text from elsewhere cannot steer a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_ai.client import plain


@pytest.mark.parametrize(
    ("given_text", "wanted"),
    [
        ("plain", "plain"),
        ("olá, 模型 👩‍🔬", "olá, 模型 👩‍🔬"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x07", "link"),
        ("\x1b]52;c;ZXZpbA==", ""),
        ("\x9b2Jgone", "gone"),
        ("a\r\nb\tc\x00\x08", "abc"),
        ("a\u202eb\u2066c", "abc"),
        ("a\u2028b", "ab"),
        ("\x1bPq#0\x1b\\sixel", "sixel"),
        ("\x1b", ""),
        ("\x1b\x1b[31m", ""),
    ],
)
def test_escapes_are_removed(given_text: str, wanted: str) -> None:
    assert plain(given_text) == wanted


def test_kept_characters_stay() -> None:
    assert plain("a\n\tb\x07", keep="\n\t") == "a\n\tb"


@given(st.text(alphabet=st.sampled_from("\x1b[]0;m\x07\\\x9b\x9dPqa2J\u202e")))
def test_nothing_that_steers_is_left(text: str) -> None:
    assert not set(plain(text)) & {"\x1b", "\x9b", "\x9d", "\x07", "\u202e"}
    assert plain(plain(text)) == plain(text)
