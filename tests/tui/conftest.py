from collections.abc import Iterator

import pytest

from tests.tui.running import Api, api_process


@pytest.fixture(scope="module")
def process() -> Iterator[Api]:
    with api_process() as running:
        yield running


@pytest.fixture
def api(process: Api) -> Api:
    """The API, with nothing wrong."""
    process.script()
    process.answers({})
    return process
