"""Live messages."""

import asyncio
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request, WebSocket
from starlette.responses import Response
from starlette.websockets import WebSocketDisconnect

from backend.auth import authenticate, authorise
from backend.errors import response_of
from backend.policy import API, WEBSOCKET
from backend.relay import raced
from backend.routed import PolicedRoute, TheCaller, ThePlane, plane_of, required_rule
from backend.sight import Sight
from backend.streams import SEND_SECONDS, EventStream, Gate, Wanted, allowed_only, as_text, messages, wanted
from cluster_ai.core.errors import ClusterError

router = APIRouter(route_class=PolicedRoute, tags=["live"])

_RULE = required_rule(WEBSOCKET, f"{API}/stream")
_EVENTS = required_rule("GET", f"{API}/events")


@router.get(
    f"{API}/events",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "Messages."}},
)
async def events(
    request: Request,
    plane: ThePlane,
    caller: TheCaller,
    topics: Annotated[str, Query(max_length=200)] = "",
    after: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """Messages as server-sent events: ``id`` is the cursor, ``event`` the topic, ``data`` the envelope.

    Those of plans and tickets come to whoever may list these: one's own; operators get everybody's.
    """
    sight = Sight(caller, lambda: authenticate(request, touch=False), _EVENTS)
    asked = _seen(wanted(topics, after or request.headers.get("last-event-id", "")), sight)
    source = messages(plane.bus, asked, plane.live.overview)
    return EventStream(source, gate=Gate(sight.renew, plane.leaving, sight.shows))


@router.websocket(f"{API}/stream")
async def stream(websocket: WebSocket) -> None:
    """The same messages, one envelope a text frame. Authenticated before the upgrade."""
    try:
        caller = await authorise(websocket, _RULE)
        assert caller is not None, "the stream is open to nobody"
        sight = Sight(caller, lambda: authenticate(websocket, touch=False), _RULE)
        asked = _seen(wanted(websocket.query_params.get("topics", ""), websocket.query_params.get("after", "")), sight)
    except ClusterError as exc:
        await websocket.send_denial_response(response_of(exc))
        return
    await websocket.accept()
    await raced(_send_all(websocket, asked, sight), websocket.receive)


def _seen(asked: Wanted, sight: Sight) -> Wanted:
    return replace(asked, topics=sight.chosen(asked.topics))


async def _send_all(websocket: WebSocket, asked: Wanted, sight: Sight) -> None:
    plane = plane_of(websocket)
    source = messages(plane.bus, asked, plane.live.overview)
    gate = Gate(sight.renew, plane.leaving, sight.shows)
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
