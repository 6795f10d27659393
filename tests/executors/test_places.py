"""Where a ticket's result lies when an older attempt still had its folder."""

from pathlib import Path

import pytest

from cluster_ai.executors.places import NOTE, beside, holding, note


def test_the_folder_of_its_name_unless_it_is_noted_otherwise(tmp_path: Path) -> None:
    base = tmp_path / "t1"
    other = beside(base, 2)
    for folder in (base, other):
        folder.mkdir()
    assert holding(tmp_path, "t1") == base
    note(base, other)
    assert holding(tmp_path, "t1") == other
    assert [path.name for path in other.iterdir()] == [], "no draft is left"
    note(base, base)
    note(base, base)
    assert holding(tmp_path, "t1") == base


@pytest.mark.parametrize("said", ["", "../etc", "t1./../..", "/etc", "t2.1", "\xff"])
def test_a_note_that_is_none_of_ours_leads_nowhere(tmp_path: Path, said: str) -> None:
    (tmp_path / "t1").mkdir()
    (tmp_path / "t1" / NOTE).write_text(said, encoding="latin-1")
    assert holding(tmp_path, "t1") == tmp_path / "t1"
