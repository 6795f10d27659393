"""The last hour in points: means of what was seen, gaps where nobody looked, and nothing of what is gone."""

from pathlib import Path
from typing import Any

import pytest

from backend.recent import POINTS, STEP, Metric, Recent, RecentView
from cluster_ai.compute.types import ComputeView
from cluster_ai.nodes.inventory import Gauges, GpuGauge, GpuVendor
from cluster_ai.views import Endpoints, HostView, OverviewView, Rates, SystemView
from tests.backend.running import running_api

NOW = 1_800_000_000.0
HOST = HostView(hostname="box", cores=4, cpu=50, memory_total=100, memory_used=25, disk_total=10, disk_used=1)
SYSTEM = SystemView(
    name="home", version="1", uptime_seconds=1, endpoints=Endpoints(api="", gateway="", dask_dashboard=""), host=HOST
)


def picture(at: float, **rates: Any) -> OverviewView:
    compute = ComputeView(reachable=True, address="", workers=())
    return OverviewView(at=at, system=SYSTEM, rates=Rates(**rates), compute=compute)


def seen(recent: Recent, second: float, **rates: Any) -> None:
    recent.take(picture(NOW + second, **rates), now=1000 + second)


def values(view: RecentView, metric: Metric, subject: str = "") -> tuple[float | None, ...]:
    (found,) = (one.values for one in view.series if (one.metric, one.subject) == (metric, subject))
    return found


def test_a_point_is_the_mean_of_its_ten_seconds() -> None:
    recent = Recent(lambda: ())
    for second in range(21):
        seen(recent, second, requests_per_second=second)
    view = recent.view(minutes=1)
    assert (view.step_seconds, view.until) == (STEP, NOW + 20)
    assert values(view, "requests") == (None, None, None, None, 4.5, 14.5)
    assert values(view, "cpu", "box")[-1] == 0.5
    assert values(view, "memory", "box")[-1] == 0.25


def test_where_nobody_looked_is_a_gap_and_a_clock_set_back_changes_nothing() -> None:
    recent = Recent(lambda: ())
    for at in (0, 10, 50, 60):
        seen(recent, at, tokens_per_second=at)
    assert values(recent.view(minutes=1), "tokens") == (0, 10, None, None, None, 50)
    recent.take(picture(NOW - 600, tokens_per_second=80), now=1070)
    view = recent.view(minutes=2)
    assert values(view, "tokens")[-7:] == (0, 10, None, None, None, 50, 60)
    assert view.until == NOW - 600, "as people's clock has it now"
    # More than it holds at once.
    seen(recent, 2 * POINTS * STEP)
    assert set(values(recent.view(minutes=60), "tokens")) == {None}


def test_an_hour_has_as_many_points_as_a_quarter_and_they_do_not_wander() -> None:
    recent = Recent(lambda: ())
    for at in range(0, 3700, 10):
        seen(recent, at, inflight=at // 10)
    hour = recent.view(minutes=60)
    assert (len(values(hour, "inflight")), hour.step_seconds) == (120, 30)
    for at in (3700, 3710, 3720, 3730):
        seen(recent, at, inflight=at // 10)
        later = recent.view(minutes=60)
        moved = round((later.until - hour.until) / 30)
        both = len(values(hour, "inflight")) - moved
        assert values(later, "inflight")[:both] == values(hour, "inflight")[moved:]


def test_machines_say_what_they_have_and_those_that_are_gone_are_forgotten() -> None:
    gpus = tuple(
        GpuGauge(vendor=GpuVendor.NVIDIA, index=at, busy=busy, celsius=60 + at) for at, busy in enumerate((0.2, 0.6))
    )
    heard = {"rig": Gauges(busy=0.5, memory_used=3, memory_free=1, watts=200, celsius=50, gpus=gpus)}
    recent = Recent(heard.items)
    seen(recent, 0)
    seen(recent, 10)
    view = recent.view(minutes=1)
    found = {one.metric: one.values[-1] for one in view.series if one.subject == "rig"}
    assert found == {
        "machine_cpu": 0.5, "machine_memory": 0.75, "machine_gpu": pytest.approx(0.4), "machine_watts": 200,
        "machine_celsius": 61,
    }  # fmt: skip
    heard.clear()
    for at in range(20, 3800, 10):
        seen(recent, at)
    assert "rig" not in {one.subject for one in recent.view(minutes=60).series}


def test_over_the_api(tmp_path: Path) -> None:
    with running_api(tmp_path / "home") as api, api.local() as client:
        api.tick()
        answer = client.get("/api/v1/metrics/recent", params={"minutes": 5})
        assert answer.status_code == 200, answer.text
        assert answer.json()["step_seconds"] == STEP
        assert client.get("/api/v1/metrics/recent", params={"minutes": 61}).status_code == 422
        assert client.get("/api/v1/metrics/recent", headers={"Authorization": "Bearer x"}).status_code == 401
