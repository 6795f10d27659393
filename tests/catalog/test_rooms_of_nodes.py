"""What is free at a node: told by a machine's heartbeats, read of this box, unknown of somebody's Ollama elsewhere."""

from typing import Any

from backend.model_rooms import door_of, place_of
from cluster_ai.catalog.fit import Room
from cluster_ai.compute.types import ComputeView
from cluster_ai.gateway.types import BreakerState, ModelView, UpstreamKind, UpstreamState
from cluster_ai.nodes.fleet import Known
from cluster_ai.nodes.inventory import Gauges, Gpu, GpuGauge, GpuVendor, Inventory
from cluster_ai.nodes.presence import MachineState, Presence
from cluster_ai.nodes.records import Machine
from cluster_ai.nodes.types import Heartbeat, LocalService
from cluster_ai.views import Endpoints, HostView, NodeView, OverviewView, Rates, SystemView

ID = "01928d2f-0000-7000-8000-000000000001"
HOST = HostView(hostname="h", cores=4, cpu=0, memory_total=100, memory_used=40, disk_total=1000, disk_used=900)
PICTURE = OverviewView(
    at=1.0,
    system=SystemView(
        name="c", version="1", uptime_seconds=1, endpoints=Endpoints(api="", gateway="", dask_dashboard=""), host=HOST
    ),
    rates=Rates(),
    compute=ComputeView(reachable=False, address=""),
)


def node(url: str, kind: UpstreamKind, **more: Any) -> NodeView:
    return NodeView(name="n", url=url, kind=kind, state=UpstreamState.HEALTHY, breaker=BreakerState.CLOSED, **more)


def known(*services: str, gauges: Gauges | None = None) -> Known:
    gpus = tuple(Gpu(vendor=GpuVendor.NVIDIA, index=at, memory=memory) for at, memory in enumerate((24, 0, 16)))
    machine = Machine(
        id=ID,
        name="n",
        machine_id="m",
        joined_at=0,
        joined_by="x",
        serial="1",
        certificate_until=0,
        addresses=("10.0.0.7",),
        port=11437,
        inventory=Inventory(hostname="n", gpus=gpus),
    )
    told = tuple(LocalService(kind=kind, name=kind, port=1) for kind in services)  # type: ignore[arg-type]
    beat = Heartbeat(node_id=ID, number=1, sent_at=1.0, port=1, gauges=gauges or Gauges(), services=told)
    return Known(machine, Presence(beat, 0.0), MachineState.HEALTHY)


def test_a_machine_tells_by_its_heartbeats() -> None:
    used = (GpuGauge(vendor=GpuVendor.NVIDIA, index=0, memory_used=20), GpuGauge(vendor=GpuVendor.NVIDIA, index=2))
    told = known("ollama", gauges=Gauges(memory_free=7, disk_free=9, gpus=used))
    place = place_of(node("https://x", UpstreamKind.MACHINE), PICTURE, told)
    # A GPU that shares the machine's memory has none of its own; one that does not tell is taken as free.
    assert place.room == Room(gpus=(4, 16), memory=7, disk=9)
    assert (place.copies, place.changes) == (True, True)
    assert door_of(told).url == f"https://{ID}.node.cluster-ai.internal:11437"


def test_a_machine_without_ollama_takes_no_models() -> None:
    assert not place_of(node("https://x", UpstreamKind.MACHINE), PICTURE, known("embedded")).changes
    assert place_of(node("https://x", UpstreamKind.MACHINE), PICTURE, known("embedded", "ollama")).changes


def test_this_boxes_own_ollama_has_what_the_box_has() -> None:
    place = place_of(node("http://127.0.0.1:11434", UpstreamKind.OLLAMA), PICTURE, None)
    assert place.room == Room(memory=60, disk=100)
    assert not place.copies


def test_of_others_nobody_knows() -> None:
    assert place_of(node("http://10.0.0.9:11434", UpstreamKind.OLLAMA), PICTURE, None).room is None
    assert place_of(node("https://x", UpstreamKind.MACHINE), PICTURE, None).room is None


def test_the_embedded_node_serves_what_it_has() -> None:
    models = (ModelView(name="m:1", digest="sha256:ab", size=3, loaded=True),)
    place = place_of(node("http://127.0.0.1:1", UpstreamKind.EMBEDDED, models=models), PICTURE, None)
    assert not place.changes
    held = place.holding("M:1")
    assert held is not None
    assert (held.digest, held.loaded) == ("ab", True)
