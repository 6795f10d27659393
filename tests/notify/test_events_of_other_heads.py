"""Two APIs with one Redis: what happens at one is on the bus of the other, also after Redis was away."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis

from cluster_ai.core import outbox
from cluster_ai.core.bus import Message
from cluster_ai.core.events import Event
from cluster_ai.core.ids import new_id
from cluster_ai.core.redis_bus import STREAM
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


def test_where_a_ticket_is_told_at_stays_in_the_database(redis: RedisServer, tmp_path: Path) -> None:
    with ExitStack() as stack:
        first, second = [
            stack.enter_context(running_api(tmp_path / name, redis_url=redis.url)) for name in ("one", "two")
        ]
        ticket = {"id": "a", "type": "EXECUTE", "parameters": {"argv": ["true"]}}
        with first.local() as client:
            wanted = {"tickets": [ticket | {"webhook_url": "https://hooks.invalid/x?token=hunter2"}]}
            plan = client.post("/api/v1/plans", json=wanted)
            assert plan.status_code == 201, plan.text
            assert client.post(f"/api/v1/plans/{plan.json()['plan']['plan_id']}/cancel").status_code == 200

        def crossed() -> set[str]:
            return {message.data["type"] for message in list(second.plane.bus._recent) if message.topic == "ticket"}

        until(lambda: "ticket.cancelled" in crossed(), what="the end crosses")
        with Redis.from_url(redis.url, decode_responses=True) as client:
            stored = json.dumps([client.xrange(STREAM), client.keys("*")])
        assert "ticket.cancelled" in stored
        for text in (stored, str([message.data for message in list(second.plane.bus._recent)])):
            assert "hunter2" not in text
            assert "webhook_url" not in text

        async def kept() -> int:
            async with first.plane.rooms.database.read() as connection:
                found = await connection.execute(outbox.events.select())
                return sum("hunter2" in str(row.data) for row in found)

        assert first.served.run(kept()) > 0, "who sends webhooks finds it there"
