"""What the tests of executors share."""

from pathlib import Path

import pytest

from tests.executors.attempts import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)
