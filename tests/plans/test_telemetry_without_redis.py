"""Telemetry of flows goes to every process on the bus; while Redis is away it waits on disk, counted, and then goes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.dispatching import watching
from tests.backend.running import Api, running_api
from tests.keys.redis_server import RedisServer, running_redis
from tests.waiting import until

pytestmark = pytest.mark.real
V1 = "/api/v1"
SAY = {"id": "a", "type": "EXECUTE", "parameters": {"argv": ["/bin/true"]}}


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path) as server:
        yield server


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "FLUSH_SECONDS", 0.1)


def ended(api: Api, correlation: str) -> str:
    """A plan that ends at once."""
    with api.local() as client:
        body = {"tickets": [SAY], "correlation_id": correlation}
        plan_id: str = client.post(f"{V1}/plans", json=body).json()["plan"]["plan_id"]
        assert client.post(f"{V1}/plans/{plan_id}/cancel").json()["status"] == "cancelled"
    return plan_id


def heard(api: Api) -> list[dict[str, Any]]:
    found = [message.data for message in list(api.plane.bus._recent) if message.topic == "telemetry"]
    assert {one["type"] for one in found} <= {"telemetry.flow"}
    return found


def plans_of(api: Api) -> list[str]:
    return [one["subject"] for one in heard(api)]


def metric(api: Api, name: str) -> float:
    with api.local() as client:
        found = re.search(rf"^{name} ([0-9.e+]+)$", client.get("/metrics").text, re.MULTILINE)
    assert found, name
    return float(found[1])


SIZE = "cluster_ai_flow_telemetry_buffer_size"


def test_every_process_hears_it_and_nothing_is_lost_while_redis_is_away(redis: RedisServer, tmp_path: Path) -> None:
    with (
        running_api(tmp_path / "one", redis_url=redis.url, dispatching=True) as head,
        running_api(tmp_path / "two", redis_url=redis.url) as other,
    ):
        first = ended(head, "corr-1")
        [record] = until(lambda: heard(other), seconds=20, what="the other process hears it")
        assert (record["subject"], record["data"]["correlation_id"], record["data"]["status"]) == (
            first, "corr-1", "cancelled",
        )  # fmt: skip
        assert plans_of(head) == [first]
        until(lambda: metric(head, SIZE) == 0, seconds=20, what="what was told does not wait")
        redis.stop()
        until(lambda: metric(head, "cluster_ai_bus_up") == 0, seconds=20, what="the outage is seen")
        later = [ended(head, f"corr-{number}") for number in (2, 3, 4)]
        until(lambda: metric(head, SIZE) == 3, seconds=20, what="they wait")
        redis.start()
        until(lambda: set(plans_of(other)) == {first, *later}, seconds=30, what="all of them arrive")
        until(lambda: metric(head, SIZE) == 0, seconds=20, what="nothing waits any more")
        assert plans_of(other) == [first, *later], "each once, in their order"
        assert metric(head, "cluster_ai_flow_telemetry_published_total") == 4
        assert metric(head, "cluster_ai_flow_telemetry_dropped_total") == 0


def test_what_waits_is_there_after_a_restart(redis: RedisServer, tmp_path: Path) -> None:
    with running_api(tmp_path / "two", redis_url=redis.url) as other:
        redis.stop()
        with running_api(tmp_path / "one", redis_url=redis.url, dispatching=True) as head:
            plan_id = ended(head, "corr")
            until(lambda: metric(head, SIZE) == 1, seconds=20, what="it waits")
        redis.start()
        with running_api(tmp_path / "one", redis_url=redis.url, dispatching=True):
            until(lambda: plans_of(other) == [plan_id], seconds=30, what="it arrives")


def test_without_a_redis_it_is_told_here(tmp_path: Path) -> None:
    with running_api(tmp_path / "one", dispatching=True) as head:
        plan_id = ended(head, "corr")
        until(lambda: plans_of(head) == [plan_id], seconds=20, what="it is told")
