"""Models: who has what, fetch, remove. The gateway decides where, by the one policy that it has for its own clients."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import Response

from backend.deeds import noting, recorded
from backend.policy import API
from backend.relay import NDJSON
from backend.routed import PolicedRoute, ShortRoute, TheCaller, ThePlane
from cluster_ai.core.wire import Count, ModelName, Name, StrictModel, View
from cluster_ai.views import ClusterModelView

router = APIRouter(route_class=PolicedRoute, tags=["models"])

MOST_NODES: Final = 100
ThisModel = Annotated[ModelName, Path()]
TheseNodes = Annotated[list[Name] | None, Query(max_length=MOST_NODES)]
_PROGRESS: Final = "Progress, line by line. Lines of several nodes have `node`; the last says `success` or `error`."
_LINES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {NDJSON: {"schema": {"type": "string"}}}, "description": _PROGRESS}
}


class Models(View):
    items: tuple[ClusterModelView, ...]


class PullRequest(StrictModel):
    nodes: list[Name] | None = Field(default=None, min_length=1, max_length=MOST_NODES)
    """Nodes, or labels of nodes, that fetch it, or ``all`` alone; the gateway chooses when there are none."""


class Deleted(View):
    """Where the model was removed."""

    nodes: tuple[str, ...]
    freed: dict[str, Count] = Field(default_factory=dict)
    """Bytes that each of them has back; none where the same files stand under another name."""


@router.get(f"{API}/models")
async def models(plane: ThePlane, _caller: TheCaller) -> Models:
    """Each model once, with the nodes that have it."""
    return Models(items=plane.live.overview().models)


router.add_api_route("/models", models, route_class_override=ShortRoute)


@router.post(f"{API}/models/{{model:path}}/pull", response_class=Response, responses=_LINES)
@router.post("/models/{model:path}/pull", response_class=Response, responses=_LINES)
async def pull(model: ThisModel, plane: ThePlane, caller: TheCaller, wanted: PullRequest | None = None) -> Response:
    """Fetches a model and passes the nodes' progress on, as NDJSON. Leaving stops the nodes."""
    nodes = tuple((wanted.nodes if wanted else None) or ())
    await plane.catalog.upkeep.agreement.change(model, nodes)
    return plane.calls.pull(model, nodes, note=noting(plane, caller, action="pull_model", subject=model))


@router.delete(f"{API}/models/{{model:path}}")
@router.delete("/models/{model:path}")
async def delete(model: ThisModel, plane: ThePlane, caller: TheCaller, node: TheseNodes = None) -> Deleted:
    """Removes a model from every node that has it, or from those named."""
    async with recorded(plane, caller, action="delete_model", subject=model):
        held = plane.catalog.upkeep.reclaimable(model)
        await plane.catalog.upkeep.agreement.change(model, tuple(node or ()) or tuple(held))
        nodes = await plane.calls.delete(model, tuple(node or ()))
        await plane.catalog.upkeep.unpin(model, nodes)
        return Deleted(nodes=nodes, freed={name: held.get(name, 0) for name in nodes})
