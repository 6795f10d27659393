from pathlib import Path

import pytest

from cluster_ai.core.paths import Home
from tests.ops.places import furnished


@pytest.fixture
def home(tmp_path: Path, sqlite_template: Path) -> Home:
    return furnished(tmp_path / "home", sqlite_template, word="first")
