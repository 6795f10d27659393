"""One node with the real models for the tests of this room; they leave it idle."""

from collections.abc import Iterator

import pytest

from tests.engines.running import RunningNode, node


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    with node(tmp_path_factory.mktemp("node")) as started:
        yield started
