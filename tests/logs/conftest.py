from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cluster_ai.core.errors import ClusterError
from cluster_ai.logs.store import LogStore, open_store


def never(error: ClusterError) -> None:
    raise AssertionError(error)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[LogStore]:
    async with open_store(tmp_path / "logs.db", on_fatal=never) as opened:
        yield opened
