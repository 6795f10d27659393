"""Live messages."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Request, WebSocket
from starlette.responses import Response
from starlette.websockets import WebSocketDisconnect

from backend.auth import authenticate, authorise
from backend.errors import response_of
from backend.policy import API, WEBSOCKET
from backend.relay import raced
from backend.routed import PolicedRoute, TheCaller, ThePlane, plane_of, required_rule
from backend.streams import SEND_SECONDS, EventStream, Gate, Wanted, allowed_only, as_text, messages, wanted
from cluster_ai.core.errors import ClusterError

router = APIRouter(route_class=PolicedRoute, tags=["live"])

_RULE = required_rule(WEBSOCKET, f"{API}/stream")


@router.get(
    f"{API}/events",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "Messages."}},
)
async def events(
    request: Request,
    plane: ThePlane,
    _caller: TheCaller,
    topics: Annotated[str, Query(max_length=200)] = "",
    after: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Messages as server-sent events: ``id`` is the cursor, ``event`` the topic, ``data`` the envelope."""
    cursor = after or request.headers.get("last-event-id", "")
    source = messages(plane.bus, wanted(topics, cursor), plane.live.overview)
    return EventStream(source, gate=Gate(lambda: authenticate(request, touch=False), plane.leaving))


@router.websocket(f"{API}/stream")
async def stream(websocket: WebSocket) -> None:
    """The same messages, one envelope a text frame. Authenticated before the upgrade."""
    try:
        await authorise(websocket, _RULE)
        asked = wanted(websocket.query_params.get("topics", ""), websocket.query_params.get("after", ""))
    except ClusterError as exc:
        await websocket.send_denial_response(response_of(exc))
        return
    await websocket.accept()
    await raced(_send_all(websocket, asked), websocket.receive)


async def _send_all(websocket: WebSocket, asked: Wanted) -> None:
    plane = plane_of(websocket)
    source = messages(plane.bus, asked, plane.live.overview)
    gate = Gate(lambda: authenticate(websocket, touch=False), plane.leaving)
    try:
        async for message in allowed_only(source, gate):
            if message is not None:
                async with asyncio.timeout(SEND_SECONDS):
                    await websocket.send_text(as_text(message))
        await websocket.close(*_farewell(plane.leaving))
    except (WebSocketDisconnect, TimeoutError):
        return


def _farewell(leaving: asyncio.Event) -> tuple[int, str]:
    return (1012, "restarting") if leaving.is_set() else (4401, "signed out")
