"""The files that begin first are files."""

from tests.order import HERE, LONGEST


def test_what_begins_first_is_there() -> None:
    assert [name for name in LONGEST if not (HERE / name).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)
