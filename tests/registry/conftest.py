from collections.abc import Iterator

import pytest

from tests.backend.running import Api, running_api


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_api(tmp_path_factory.mktemp("registry") / "home") as running:
        yield running
