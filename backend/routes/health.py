"""Alive, ready, measured."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from backend.auth import visitor
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.core import metrics
from cluster_ai.core.wire import View
from cluster_ai.views import CheckView, ReadyView

router = APIRouter(route_class=PolicedRoute, tags=["health"])


class Health(View):
    status: str = "ok"


@router.get("/health")
async def health() -> Health:
    """Says that this process answers; nothing about what it depends on."""
    return Health()


@router.get("/ready", responses={200: {"model": ReadyView}, 503: {"model": ReadyView}})
async def ready(request: Request, plane: ThePlane) -> JSONResponse:
    """Each dependency. 503 with the same body when something is wrong; details only for who is signed in."""
    found = await plane.live.ready()
    if await visitor(request) is None:
        found = ReadyView(
            ready=found.ready, checks=tuple(CheckView(name=check.name, ok=check.ok) for check in found.checks)
        )
    return JSONResponse(found.model_dump(mode="json"), 200 if found.ready else 503)


@router.get(f"{API}/ready-details")
async def ready_details(plane: ThePlane, _caller: TheCaller) -> ReadyView:
    """As ``/ready``, always 200 and always with details."""
    return await plane.live.ready()


@router.get("/metrics", response_class=Response)
async def scrape(request: Request, _caller: TheCaller) -> Response:
    """Prometheus' text format."""
    return Response(metrics.render(request.app.state.registry), media_type=metrics.CONTENT_TYPE)
