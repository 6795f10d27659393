"""Models: who has what, fetch, remove."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field
from starlette.responses import Response

from backend.deeds import recorded
from backend.placement import holders_of, registry_allowed, target_of
from backend.policy import API
from backend.relay import NDJSON
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.wire import ModelName, Name, StrictModel, View
from cluster_ai.views import ClusterModelView, NodeView

router = APIRouter(route_class=PolicedRoute, tags=["models"])

ThisModel = Annotated[ModelName, Path()]
ThisNode = Annotated[Name | None, Query()]


DeleteFrom = Callable[[str, str], Awaitable[None]]


class Models(View):
    items: tuple[ClusterModelView, ...]


class PullRequest(StrictModel):
    node: Name | None = None
    """The node that fetches it; the first that can when not named."""


class Deleted(View):
    """Where the model was removed, and where that failed, with the reason."""

    nodes: tuple[str, ...]
    failed: dict[str, str] = Field(default_factory=dict)


@router.get(f"{API}/models")
@router.get("/models")
async def models(plane: ThePlane, _caller: TheCaller) -> Models:
    """Each model once, with the nodes that have it."""
    return Models(items=plane.live.overview().models)


@router.post(
    f"{API}/models/{{model:path}}/pull",
    response_class=Response,
    responses={200: {"content": {NDJSON: {"schema": {"type": "string"}}}, "description": "Progress, line by line."}},
)
@router.post(
    "/models/{model:path}/pull",
    response_class=Response,
    responses={200: {"content": {NDJSON: {"schema": {"type": "string"}}}, "description": "Progress, line by line."}},
)
async def pull(model: ThisModel, plane: ThePlane, caller: TheCaller, wanted: PullRequest | None = None) -> Response:
    """Fetches a model onto one node and passes the node's progress on, as NDJSON."""
    registry_allowed(model)
    async with recorded(plane, caller, action="pull_model", subject=model):
        node = target_of(plane.live.overview().nodes, None if wanted is None else wanted.node)
    return plane.nodes.pull(node.url, model)


@router.delete(f"{API}/models/{{model:path}}")
@router.delete("/models/{model:path}")
async def delete(model: ThisModel, plane: ThePlane, caller: TheCaller, node: ThisNode = None) -> Deleted:
    """Removes a model from every node that has it, or from the one named."""
    async with recorded(plane, caller, action="delete_model", subject=model):
        return await _delete(plane.nodes.delete, holders_of(plane.live.overview().nodes, model, node), model=model)


async def _delete(delete_from: DeleteFrom, holders: tuple[NodeView, ...], *, model: str) -> Deleted:
    done: list[str] = []
    failed: dict[str, str] = {}
    for holder in holders:
        try:
            await delete_from(holder.url, model)
        except ClusterError as exc:
            if len(holders) == 1:
                raise
            failed[holder.name] = exc.message
        else:
            done.append(holder.name)
    return Deleted(nodes=tuple(done), failed=failed)
