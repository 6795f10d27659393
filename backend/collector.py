"""The live picture as Prometheus metrics, read at the moment of the scrape."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from backend.machines.metrics import machine_metrics
from backend.plane import Plane
from backend.scraped import Scraped
from cluster_ai.compute.types import ComputeView
from cluster_ai.core.errors import Unavailable
from cluster_ai.gateway.types import UpstreamState
from cluster_ai.supervisor.types import PartState
from cluster_ai.views import OverviewView


class ClusterCollector(Scraped[Plane]):
    """The live picture."""

    def of(self, plane: Plane) -> Iterator[Metric]:
        try:
            picture = plane.live.overview()
        except Unavailable:
            return
        yield from _parts(picture)
        yield from _nodes(picture)
        yield from _counts(picture)
        yield from _compute(picture.compute)
        yield from machine_metrics(plane.rooms.members)


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"cluster_ai_{name}", text, labels=labels)


def _parts(picture: OverviewView) -> Iterator[Metric]:
    up = _gauge("part_up", "1 while the part is ready.", "part")
    restarts = CounterMetricFamily("cluster_ai_part_restarts", "Times the part was started again.", labels=["part"])
    for part in picture.system.parts:
        up.add_metric([part.name], float(part.state is PartState.READY))
        restarts.add_metric([part.name], part.restarts)
    yield up
    yield restarts


def _nodes(picture: OverviewView) -> Iterator[Metric]:
    up = _gauge("node_up", "1 while the node serves.", "node")
    inflight = _gauge("node_requests_inflight", "Answers that the node is writing.", "node")
    for node in picture.nodes:
        up.add_metric([node.name], float(node.state in {UpstreamState.HEALTHY, UpstreamState.SUSPECT}))
        inflight.add_metric([node.name], node.inflight)
    yield up
    yield inflight


def _compute(dask: ComputeView) -> Iterator[Metric]:
    """Nothing while the scheduler is away: zeros would say that it has no workers."""
    if not dask.reachable:
        return
    for name, text, value in (
        ("threads", "Threads of all workers.", sum(worker.threads for worker in dask.workers)),
        ("memory_bytes", "Memory that all workers use.", sum(worker.memory for worker in dask.workers)),
        ("memory_limit_bytes", "Memory that all workers may use.", sum(worker.memory_limit for worker in dask.workers)),
        ("refused_workers", "Workers sent away for their versions and not back.", len(dask.refused)),
    ):
        gauge = _gauge(f"compute_{name}", text)
        gauge.add_metric([], float(value))
        yield gauge
    tasks = _gauge("compute_tasks", "Tasks now.", "state")
    tasks.add_metric(["waiting"], sum(group.waiting for group in dask.tasks))
    tasks.add_metric(["processing"], sum(group.processing for group in dask.tasks))
    yield tasks
    ended = CounterMetricFamily("cluster_ai_compute_tasks_ended", "Tasks since its start.", labels=["outcome"])
    ended.add_metric(["finished"], sum(group.finished for group in dask.tasks))
    ended.add_metric(["erred"], sum(group.erred for group in dask.tasks))
    yield ended
    notices = CounterMetricFamily("cluster_ai_compute_notices", "What happened since its start.", labels=["kind"])
    for kind, count in sorted(dask.happened.items()):
        notices.add_metric([kind], count)
    yield notices


def _counts(picture: OverviewView) -> Iterator[Metric]:
    workers = _gauge("workers_connected", "Dask workers known to the scheduler.")
    workers.add_metric([], len(picture.compute.workers))
    yield workers
    dependency = _gauge("dependency_up", "1 while the dependency answers.", "dependency")
    wrong = {text.partition(".down: ")[0] for text in picture.system.problems}
    for name, up in (
        ("database", "database" not in wrong),
        ("gateway", picture.gateway_reachable),
        ("scheduler", picture.compute.reachable),
        ("supervisor", "supervisor" not in wrong),
    ):
        dependency.add_metric([name], float(up))
    yield dependency
    age = _gauge("snapshot_timestamp_seconds", "When the live picture was made, Unix seconds.")
    age.add_metric([], picture.at)
    yield age
