"""An import that failed half-way can be made again."""

import sys
from pathlib import Path

import pytest

from cluster_ai.core.errors import Unavailable
from cluster_ai.core.late import late


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``shelf`` needs ``shelf.inner``, which needs ``shelf.inner.part`` and then a file."""
    inner = tmp_path / "shelf" / "inner"
    inner.mkdir(parents=True)
    (inner.parent / "__init__.py").write_text("from shelf.inner import part, read\n")
    (inner / "__init__.py").write_text("from shelf.inner.part import read\nread()\n")
    (inner / "part.py").write_text(
        f"from pathlib import Path\ndef read(): Path({str(tmp_path / 'file')!r}).read_text()\n"
    )
    (tmp_path / "user.py").write_text("import shelf\nfound = shelf.inner.part\n")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_second_try_begins_at_the_beginning(package: Path) -> None:
    before = set(sys.modules)
    with pytest.raises(Unavailable, match=r"user cannot be loaded: .*No such file"):
        late("user")
    assert set(sys.modules) == before
    (package / "file").touch()
    assert late("user").found.__name__ == "shelf.inner.part"


def test_whatever_a_module_raises_it_is_not_there(package: Path) -> None:
    (package / "odd.py").write_text("import shelf_of_nobody.x\n")
    (package / "odder.py").write_text("raise AttributeError('half of it is missing')\n")
    for name in ("odd", "odder"):
        with pytest.raises(Unavailable, match=f"{name} cannot be loaded"):
            late(name)
        assert name not in sys.modules
