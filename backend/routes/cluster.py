"""The live picture and its pieces, and what an operator may do to the parts."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from backend.deeds import recorded
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.compute.types import ComputeView, WorkerView
from cluster_ai.core.errors import NotFound
from cluster_ai.core.wire import Name, StrictModel, View
from cluster_ai.settings import MAX_WORKERS
from cluster_ai.views import NodeView, OverviewView, SystemView

router = APIRouter(route_class=PolicedRoute, tags=["cluster"])

ThisName = Annotated[Name, Path()]


class Nodes(View):
    items: tuple[NodeView, ...]


class Workers(View):
    items: tuple[WorkerView, ...]


class MoreWorkers(StrictModel):
    count: int = Field(ge=1, le=MAX_WORKERS)
    """How many to add."""


class Scaled(View):
    """How many local workers there will be."""

    workers: int


class Accepted(View):
    """The order was given; the live picture shows when it is done."""

    accepted: bool = True


@router.get(f"{API}/overview")
async def overview(plane: ThePlane, _caller: TheCaller) -> OverviewView:
    """The last snapshot, at most a second or so old (``at``). Never asks a node."""
    return plane.live.overview()


@router.get(f"{API}/nodes")
async def nodes(plane: ThePlane, _caller: TheCaller) -> Nodes:
    """Every node that serves models."""
    return Nodes(items=plane.live.overview().nodes)


@router.get(f"{API}/nodes/{{name}}")
async def node(name: ThisName, plane: ThePlane, _caller: TheCaller) -> NodeView:
    """One node."""
    return plane.live.node(name)


@router.get(f"{API}/compute")
async def compute(plane: ThePlane, _caller: TheCaller) -> ComputeView:
    """The Dask scheduler, its workers and tasks."""
    return plane.live.overview().compute


@router.get(f"{API}/workers")
async def workers(plane: ThePlane, _caller: TheCaller) -> Workers:
    """Every Dask worker that is connected."""
    return Workers(items=plane.live.overview().compute.workers)


@router.get(f"{API}/system")
async def system(plane: ThePlane, _caller: TheCaller) -> SystemView:
    """The cluster's parts, this machine, and what is wrong."""
    return plane.live.overview().system


@router.post(f"{API}/workers", status_code=202)
@router.post("/workers", status_code=202)
async def add_workers(more: MoreWorkers, plane: ThePlane, caller: TheCaller) -> Scaled:
    """Adds local Dask workers; they live until the cluster stops."""
    async with recorded(plane, caller, action="add_workers", subject=str(more.count)):
        total = await plane.supervisor.add_workers(more.count)
    return Scaled(workers=total)


@router.post(f"{API}/system/parts/{{name}}/restart", status_code=202)
async def restart(name: ThisName, plane: ThePlane, caller: TheCaller) -> Accepted:
    """Stops one part and starts it again."""
    parts = plane.live.overview().system.parts
    if parts and name not in {part.name for part in parts}:
        raise NotFound(f"no part is called {name}", hint="./manager.sh status", values={"about": "part", "name": name})
    async with recorded(plane, caller, action="restart_part", subject=name):
        await plane.supervisor.restart(name)
    return Accepted()
