"""The API about itself."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from backend.policy import API
from backend.routed import PolicedRoute, TheCaller
from cluster_ai.core.wire import JSON_TYPE, dump_json

router = APIRouter(route_class=PolicedRoute, tags=["about"])


@router.get(f"{API}/openapi.json", response_class=Response)
async def description(request: Request, _caller: TheCaller) -> Response:
    """This description."""
    return Response(dump_json(request.app.openapi()), media_type=JSON_TYPE)
