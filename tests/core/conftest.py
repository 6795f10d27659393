from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster_ai.core.migrate import downgrade, upgrade
from tests.core.postgres import running_postgres


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    with running_postgres() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables, of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.db'}"
        return
    url = request.getfixturevalue("postgres_url")
    yield url
    downgrade(url, to="base")


@pytest.fixture
def url(empty_url: str) -> str:
    """A database with its tables, of each kind."""
    upgrade(empty_url)
    return empty_url
