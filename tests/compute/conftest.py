"""Real Dask for the tests of this room."""

from collections.abc import Iterator

import pytest

from tests.compute.parts import Dask, dask


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    """A scheduler with two workers; tests leave them as they found them.

    For one file: kept to the end of all tests, by each process that runs some, they took longer than their starts.
    """
    with dask(tmp_path_factory.mktemp("dask"), workers=2) as started:
        yield started
