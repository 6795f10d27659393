"""What a word is, and that cutting a file changes nothing."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster_ai.executors import words
from cluster_ai.executors.words import Counted, Piece, count, merge, tokens


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("The cat, the CAT!", ["the", "cat", "the", "cat"]),
        ("Não há ação às 10h", ["não", "há", "ação", "às", "10h"]),
        ("don't 'quote' rock\u2019n\u2019roll", ["don't", "quote", "rock'n'roll"]),
        ("snake_case well-known", ["snake", "case", "well", "known"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("ac\u0327a\u0303o", ["ação"]),
        ("Ελλάδα 東京 Москва", ["ελλάδα", "東京", "москва"]),
        ("... --- !!", []),
    ],
)
def test_words_of_many_scripts(text: str, found: list[str]) -> None:
    assert tokens(text) == found


def counted(path: Path, edges: list[int]) -> Counted:
    pieces = [Piece(str(path), start, end) for start, end in pairwise(edges)]
    return merge(count([piece], worker="one") for piece in pieces)


@settings(max_examples=150, deadline=None)
@given(
    lines=st.lists(st.text(alphabet="aé ñ\u0301,\n'\u2019日\r\t", max_size=40), max_size=30),
    cuts=st.lists(st.integers(0, 2000), max_size=8),
)
def test_cutting_changes_nothing(tmp_path_factory: pytest.TempPathFactory, lines: list[str], cuts: list[int]) -> None:
    path = tmp_path_factory.mktemp("cut") / "text"
    data = "\n".join(lines).encode()
    path.write_bytes(data)
    whole = counted(path, [0, len(data)])
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    parts = counted(path, edges if len(edges) > 1 else [0, 0])
    assert parts.words == whole.words == Counter(tokens(data.decode()))
    assert parts.size == whole.size == len(data)
    assert parts.files == 1


def test_file_without_line_breaks_is_shared_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "LONG_LINE", 100)
    monkeypatch.setattr(words, "BLOCK", 64)
    text = " ".join(f"word{n % 7} ação" for n in range(2000))
    path = tmp_path / "one-line"
    path.write_text(text, encoding="utf-8")
    size = path.stat().st_size
    edges = [*range(0, size, 997), size]
    parts = [count([Piece(str(path), start, end)], worker="one") for start, end in pairwise(edges)]
    assert merge(parts).words == Counter(tokens(text))
    assert max(part.size for part in parts) < 1200, "no piece took the whole line"


def test_line_that_is_not_utf8_is_read_as_windows_1252(tmp_path: Path) -> None:
    path = tmp_path / "mixed"
    path.write_bytes("ação boa\n".encode() + "ação má\n".encode("cp1252"))
    assert counted(path, [0, path.stat().st_size]).words == {"ação": 2, "boa": 1, "má": 1}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_marked_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "marked"
    path.write_text("olá mundo\nolá de novo\n" * 50, encoding=encoding)
    size = path.stat().st_size
    found = counted(path, [0, size // 2, size])
    assert found.words == {"olá": 100, "mundo": 50, "de": 50, "novo": 50}
    assert found.size == size


def test_binary_and_unreadable_files_are_named(tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\x7fELF\0\0 words")
    gone = tmp_path / "gone"
    text = tmp_path / "text"
    text.write_text("one two")
    found = count([Piece(str(path), 0, 8) for path in (binary, gone, text)], worker="w")
    assert found.skipped == {str(binary): "binary", str(gone): "No such file or directory"}
    assert found.words == {"one": 1, "two": 1}
    assert found.files == 1
    assert found.shares == {"w": 2}


def test_merging_leaves_the_parts_alone() -> None:
    one, two = Counted(Counter(a=1), files=1), Counted(Counter(a=2, b=1), files=1)
    assert merge([one, two]).words == {"a": 3, "b": 1}
    assert one.words == {"a": 1}
    assert merge([]).words == {}
