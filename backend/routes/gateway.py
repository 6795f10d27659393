"""What the gateway decided, and what became of the calls."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.core.wire import INT64_MAX
from cluster_ai.gateway.served import Outcome
from cluster_ai.gateway.types import DecisionView
from cluster_ai.gateway.watching.logged import DecisionsView, RequestPage, RequestView, Wanted

router = APIRouter(route_class=PolicedRoute, tags=["gateway"])

RequestId = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Filter = Annotated[str, Query(max_length=300, pattern=r"^[^\x00-\x1f]*$")]


@router.get(f"{API}/gateway/decisions")
async def decisions(
    plane: ThePlane, _caller: TheCaller, limit: Annotated[int, Query(ge=1, le=512)] = 32
) -> DecisionsView:
    """The gateway's last decisions, newest first: every candidate with its score by part."""
    return await plane.gateway.decisions(limit=limit)


@router.get(f"{API}/gateway/decisions/{{request_id}}")
async def decision(request_id: RequestId, plane: ThePlane, _caller: TheCaller) -> DecisionView:
    """Why one request went where it went. The gateway remembers the last 512."""
    return await plane.gateway.decision(request_id)


@router.get(f"{API}/gateway/requests")
async def requests(
    plane: ThePlane,
    _caller: TheCaller,
    *,
    model: Filter = "",
    node: Filter = "",
    outcome: Outcome | None = None,
    key: Filter = "",
    before: Annotated[int, Query(ge=1, le=INT64_MAX)] = INT64_MAX,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> RequestPage:
    """Calls that are over, newest first. Never what was asked or answered."""
    kind = "" if outcome is None else outcome.value
    return await plane.rooms.requests.page(Wanted(model, node, kind, key, before, limit))


@router.get(f"{API}/gateway/requests/{{request_id}}")
async def request(request_id: RequestId, plane: ThePlane, _caller: TheCaller) -> RequestView:
    """The newest call with that id."""
    return await plane.rooms.requests.find(request_id)
