from collections.abc import Iterator

import pytest

from cluster_ai.gateway.types import GatewayView
from tests.backend.running import Api, running_api
from tests.backend.world import World


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running_api(tmp_path_factory.mktemp("api") / "home") as api:
        yield api


@pytest.fixture
def api(running: Api) -> Api:
    """The API, with nothing wrong around it."""
    fresh = World(url=running.world.url, gateway=GatewayView(started_at=1.0))
    fresh.serve_nodes("n1")
    vars(running.world).update(vars(fresh))
    running.clock[0] = 0.0
    running.tick()
    return running
