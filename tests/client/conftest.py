from collections.abc import Iterator

import pytest

from cluster_ai.client import Client
from tests.tui.api_process import TOKEN
from tests.tui.running import Api, api_process


@pytest.fixture(scope="module")
def process() -> Iterator[Api]:
    with api_process() as running:
        yield running


@pytest.fixture
def api(process: Api) -> Api:
    """The API, with nothing wrong."""
    process.script()
    return process


@pytest.fixture
def client(api: Api) -> Iterator[Client]:
    with Client(api.url, token=TOKEN) as made:
        yield made
