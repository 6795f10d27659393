"""What a ticket wrote is read from any point on, and has an end."""

from pathlib import Path

from cluster_ai.plans import lines
from cluster_ai.plans.lines import Lines


def test_lines_are_read_from_where_one_was(tmp_path: Path) -> None:
    kept = Lines(tmp_path / "lines")
    assert kept.read("t").lines == ()
    kept.add("t", attempt=1, texts=["one", "two"], lost=0, now=1.0)
    first = kept.read("t")
    assert [line["text"] for line in first.lines] == ["one", "two"]
    kept.add("t", attempt=2, texts=["three"], lost=4, now=2.0)
    second = kept.read("t", first.next)
    assert second.lines == ({"attempt": 2, "at": 2.0, "lost": 4}, {"attempt": 2, "at": 2.0, "text": "three"})
    assert kept.read("t", second.next).lines == ()


def test_only_its_owner_reads_them(tmp_path: Path) -> None:
    kept = Lines(tmp_path / "lines")
    kept.add("t", attempt=1, texts=["x"], lost=0, now=1.0)
    assert (tmp_path / "lines" / "t.jsonl").stat().st_mode & 0o077 == 0


def test_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    kept = Lines(tmp_path)
    kept.add("t", attempt=1, texts=["whole"], lost=0, now=1.0)
    with (tmp_path / "t.jsonl").open("a") as file:
        file.write('{"text": "ha')
    piece = kept.read("t")
    assert [line["text"] for line in piece.lines] == ["whole"]
    assert kept.read("t", piece.next).lines == ()


def test_a_file_has_a_largest_size_and_the_newest_lines_stay(tmp_path: Path) -> None:
    kept = Lines(tmp_path)
    text = "x" * 4000
    for number in range(1300):
        kept.add("t", attempt=1, texts=[f"{number} {text}"], lost=0, now=1.0)
    assert (tmp_path / "t.jsonl").stat().st_size <= lines.LARGEST
    last, start = "", 0
    while (piece := kept.read("t", start)).lines:
        last, start = piece.lines[-1]["text"], piece.next
    assert last.startswith("1299 ")


def test_old_files_go(tmp_path: Path) -> None:
    kept = Lines(tmp_path)
    kept.add("t", attempt=1, texts=["x"], lost=0, now=1.0)
    assert kept.sweep(0.0) == 0
    assert kept.sweep(1e12) == 1
    assert kept.read("t").lines == ()
