"""Models that nodes have: into memory and out of it, pinned, renamed, brought up to date."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import Field

from backend.deeds import recorded
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.catalog.types import OnNodes, Pin, PullView, Update
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.wire import Count, ModelName, StrictModel, View

router = APIRouter(route_class=PolicedRoute, tags=["catalog"])

ThisModel = Annotated[ModelName, Path()]


class Pins(View):
    items: tuple[Pin, ...]


class Updates(View):
    items: tuple[Update, ...]


class LoadModel(OnNodes):
    keep: bool = False
    """For ever, until it is unloaded or the node restarts; a pin outlives that."""


class CopyModel(OnNodes):
    name: ModelName
    """The second name."""


class UpdateModels(StrictModel):
    models: Annotated[tuple[ModelName, ...], Field(max_length=1000, strict=False)] = ()
    """All when none is named."""


class NodeOutcome(View):
    """What became of it at one node. ``error`` is empty where it was done; ``freed`` in bytes, for what was removed."""

    node: str
    error: str = ""
    code: str = ""
    freed: Count = 0


class Outcomes(View):
    items: tuple[NodeOutcome, ...]


class Begun(View):
    """Pulls that were begun."""

    items: tuple[PullView, ...]


@router.post(f"{API}/models/{{model:path}}/load")
async def load(model: ThisModel, plane: ThePlane, caller: TheCaller, wanted: LoadModel | None = None) -> Outcomes:
    """Into the memory of the nodes named, or of all that have it."""
    keep = wanted is not None and wanted.keep
    async with recorded(plane, caller, action="load_model", subject=model):
        return _told(await plane.catalog.upkeep.load(model, _nodes(wanted), keep=keep))


@router.post(f"{API}/models/{{model:path}}/unload")
async def unload(model: ThisModel, plane: ThePlane, caller: TheCaller, wanted: OnNodes | None = None) -> Outcomes:
    """Out of memory, and no longer pinned there."""
    async with recorded(plane, caller, action="unload_model", subject=model):
        return _told(await plane.catalog.upkeep.unload(model, _nodes(wanted)))


@router.get(f"{API}/pins")
async def pins(plane: ThePlane, _caller: TheCaller) -> Pins:
    """Models that stay in a node's memory."""
    return Pins(items=await plane.catalog.upkeep.pins())


@router.post(f"{API}/models/{{model:path}}/pin")
async def pin(model: ThisModel, plane: ThePlane, caller: TheCaller, wanted: OnNodes | None = None) -> Outcomes:
    """Keeps it in memory, also after the node restarts."""
    async with recorded(plane, caller, action="pin_model", subject=model):
        return _told(await plane.catalog.upkeep.pin(model, _nodes(wanted), by=caller.principal.name))


@router.post(f"{API}/models/{{model:path}}/unpin", status_code=204)
async def unpin(model: ThisModel, plane: ThePlane, caller: TheCaller) -> None:
    """It may leave memory again when nobody uses it."""
    async with recorded(plane, caller, action="unpin_model", subject=model):
        await plane.catalog.upkeep.unpin(model)


@router.post(f"{API}/models/{{model:path}}/copy")
async def copy(model: ThisModel, wanted: CopyModel, plane: ThePlane, caller: TheCaller) -> Outcomes:
    """Gives it a second name where it is."""
    async with recorded(plane, caller, action="copy_model", subject=model):
        return _told(await plane.catalog.upkeep.duplicate(model, wanted.name, wanted.nodes))


@router.get(f"{API}/updates")
async def updates(plane: ThePlane, _caller: TheCaller) -> Updates:
    """Models of which the registry has another version than a node."""
    return Updates(items=await plane.catalog.upkeep.updates())


@router.post(f"{API}/updates", status_code=201)
async def update(plane: ThePlane, caller: TheCaller, wanted: UpdateModels | None = None) -> Begun:
    """Begins to fetch what is out of date, at the nodes where it is."""
    models = wanted.models if wanted else ()
    async with recorded(plane, caller, action="update_models", subject=", ".join(models)[:200] or "all"):
        found = await plane.catalog.upkeep.update(plane.catalog.pulls, models, by=caller.principal.name)
        return Begun(items=found)


def _nodes(wanted: OnNodes | None) -> tuple[str, ...]:
    return wanted.nodes if wanted else ()


def _told(outcomes: dict[str, ClusterError | None]) -> Outcomes:
    """Where it was done and where not; when nowhere, the first reason is the answer.

    Raises:
        ClusterError: no node did it.
    """
    failures = [error for error in outcomes.values() if error is not None]
    if failures and len(failures) == len(outcomes):
        raise failures[0]
    return Outcomes(items=tuple(_outcome(node, error) for node, error in outcomes.items()))


def _outcome(node: str, error: ClusterError | None) -> NodeOutcome:
    more: dict[str, Any] = {"error": error.message, "code": error.code} if error else {}
    return NodeOutcome(node=node, **more)
