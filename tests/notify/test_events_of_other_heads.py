"""Two APIs with one Redis: what happens at one is on the bus of the other, also after Redis was away."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cluster_ai.core.bus import Message
from cluster_ai.core.events import Event
from cluster_ai.core.ids import new_id
from tests.backend.running import Api, running_api
from tests.keys.redis_server import RedisServer, running_redis
from tests.waiting import until

pytestmark = pytest.mark.real


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path) as server:
        yield server


def publish(api: Api) -> str:
    event = Event(new_id(), "ticket.failed", "t1", {}, time.time())

    async def tell() -> Message:
        return api.plane.bus.publish(event.topic, event)

    api.served.run(tell())
    return event.id


def heard(api: Api) -> list[str]:
    return [message.data.id for message in list(api.plane.bus._recent) if isinstance(message.data, Event)]


def metric(api: Api, name: str) -> float:
    with api.local() as client:
        found = re.search(rf"^{name} ([0-9.e+]+)$", client.get("/metrics").text, re.MULTILINE)
    assert found, name
    return float(found[1])


def test_events_reach_the_other_api_and_its_readers_live_on_without_redis(redis: RedisServer, tmp_path: Path) -> None:
    with ExitStack() as stack:
        first, second = [
            stack.enter_context(running_api(tmp_path / name, redis_url=redis.url)) for name in ("one", "two")
        ]
        early = publish(first)
        until(lambda: early in heard(second), what="the event crosses")
        assert metric(first, "cluster_ai_bus_up") == 1
        redis.stop()
        during = publish(first)
        assert during in heard(first)
        until(lambda: metric(first, "cluster_ai_bus_up") == 0, what="the outage is seen")
        assert metric(first, "cluster_ai_bus_buffered") == 1
        with first.client() as client:
            assert client.get("/ready").status_code == 200, "Redis is transport: the API needs none"
        redis.start()
        until(lambda: during in heard(second), what="the event crosses late")
        assert heard(second).count(early) == 1
        until(lambda: metric(second, "cluster_ai_bus_up") == 1, what="it is back")
        assert metric(first, "cluster_ai_bus_dropped_total") == metric(second, "cluster_ai_bus_missed_total") == 0
