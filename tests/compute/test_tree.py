"""Which files are counted, and how they are shared out."""

import os
from pathlib import Path

import pytest

from cluster_ai.compute.jobs.tree import parts_of, pieces_of
from cluster_ai.core.errors import NotFound
from cluster_ai.executors.words import Piece


def test_every_byte_of_every_file_stands_in_one_piece(tmp_path: Path) -> None:
    for name, size in {"b": 25, "a": 10, "sub/c": 0}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * size)
    skipped: dict[str, str] = {}
    found = [(Path(p.path).name, p.start, p.end) for p in pieces_of(tmp_path, skipped, size=10)]
    assert found == [("a", 0, 10), ("b", 0, 10), ("b", 10, 20), ("b", 20, 25), ("c", 0, 0)]
    assert not skipped


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("x")
    (tmp_path / "link").symlink_to("text")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    skipped: dict[str, str] = {}
    assert [Path(piece.path).name for piece in pieces_of(tmp_path, skipped)] == ["text"]
    assert {Path(path).name: why for path, why in skipped.items()} == {"link": "a link", "pipe": "not a regular file"}


def test_small_files_share_a_part_and_large_ones_do_not() -> None:
    pieces = [Piece(str(n), 0, size) for n, size in enumerate([4, 4, 4, 10, 1])]
    assert [[p.path for p in part] for part in parts_of(pieces, size=10)] == [["0", "1"], ["2"], ["3"], ["4"]]
    assert list(parts_of([])) == []


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        list(pieces_of(tmp_path / "nothing", {}))
