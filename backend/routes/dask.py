"""Dask's own dashboard behind our sign-in: for people below a ticket, for programs with a token directly."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated, Any, Final

import aiohttp
from fastapi import APIRouter, Path, Request, WebSocket
from starlette.responses import RedirectResponse, Response
from starlette.websockets import WebSocketState

from backend.auth import authorise, check_origin
from backend.dask_pages import POLICY, DaskPages, Page
from backend.errors import response_of
from backend.plane import Plane
from backend.policy import WEBSOCKET, check
from backend.routed import PolicedRoute, TheCaller, ThePlane, plane_of, required_rule
from cluster_ai.core.errors import ClusterError, Unavailable
from cluster_ai.core.principals import Channel, Principal

router = APIRouter(route_class=PolicedRoute, tags=["compute"])

HOME: Final = "status"
BELOW: Final = "/dask/{path:path}"
TICKETED: Final = "/dask-view/{ticket}/{path:path}"
CHECK_SECONDS: Final = 1.0
"""How soon a sign-out ends the stream of an open page."""
SEND_SECONDS: Final = 60.0
"""A browser that takes nothing for so long is let go."""
PAGES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "A page or a file."},
    303: {"description": "To the page."},
    304: {"description": "As the browser has it."},
}

Below = Annotated[str, Path(max_length=2000)]
Ticket = Annotated[str, Path(max_length=64)]

_SEES = required_rule("GET", BELOW)
_SOCKET = required_rule(WEBSOCKET, BELOW)


@router.get(BELOW, response_class=Response, responses=PAGES)
async def page(path: Below, request: Request, plane: ThePlane, caller: TheCaller) -> Response:
    """Dask's dashboard. A browser is sent on to the same page below a ticket, where it runs in a sandbox."""
    pages = _pages(plane.neighbours.dask)
    if caller.principal.channel is Channel.SESSION:
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"/dask-view/{pages.tickets.of(caller)}/{path or HOME}{query}", 303)
    found = await pages.page(path or HOME, request.url.query, etag=request.headers.get("if-none-match", ""))
    return _answer(found, below="/dask")


@router.get(TICKETED, response_class=Response, responses=PAGES)
async def ticketed(ticket: Ticket, path: Below, request: Request, plane: ThePlane) -> Response:
    """The same for who was given this ticket and is still signed in."""
    pages = _pages(plane.neighbours.dask)
    await _still_allowed(plane, pages.tickets.caller(ticket))
    found = await pages.page(path or HOME, request.url.query, etag=request.headers.get("if-none-match", ""))
    return _answer(found, below=f"/dask-view/{ticket}")


@router.websocket(BELOW)
async def stream(websocket: WebSocket, path: str) -> None:
    """What a page of the dashboard is fed through. Authenticated before the upgrade, and its origin checked."""
    try:
        await authorise(websocket, _SOCKET)
        await _joined(websocket, path, lambda: authorise(websocket, _SOCKET))
    except ClusterError as exc:
        await _denied(websocket, exc)


@router.websocket(TICKETED)
async def ticketed_stream(websocket: WebSocket, ticket: str, path: str) -> None:
    """The same below a ticket. Pages in a sandbox have no origin; pages of other sites have no ticket."""
    try:
        if websocket.headers.get("origin") not in {None, "null"}:
            check_origin(websocket)
        plane = plane_of(websocket)
        caller = _pages(plane.neighbours.dask).tickets.caller(ticket)
        await _still_allowed(plane, caller)
        await _joined(websocket, path, lambda: _still_allowed(plane, caller))
    except ClusterError as exc:
        await _denied(websocket, exc)


async def _denied(websocket: WebSocket, exc: ClusterError) -> None:
    if websocket.application_state is WebSocketState.CONNECTING:
        await websocket.send_denial_response(response_of(exc))
    elif websocket.application_state is WebSocketState.CONNECTED:
        await websocket.close(4401, "signed out")


async def _joined(websocket: WebSocket, path: str, allowed: Callable[[], Awaitable[object]]) -> None:
    """Passes messages both ways until one side ends, the sign-in does, or this process."""
    plane = plane_of(websocket)
    asked = tuple(websocket.scope.get("subprotocols", ()))
    async with _pages(plane.neighbours.dask).socket(path, websocket.url.query, asked) as there:
        await websocket.accept(subprotocol=there.protocol)
        works = [
            asyncio.ensure_future(work)
            for work in (_down(there, websocket), _up(websocket, there), _watch(allowed, plane.leaving))
        ]
        try:
            await asyncio.wait(works, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for work in works:
                work.cancel()
            ended = await asyncio.gather(*works, return_exceptions=True)
    if refused := next((error for error in ended if isinstance(error, ClusterError)), None):
        raise refused
    if websocket.application_state is WebSocketState.CONNECTED and websocket.client_state is WebSocketState.CONNECTED:
        await websocket.close(1012 if plane.leaving.is_set() else 1001)


async def _down(there: aiohttp.ClientWebSocketResponse, websocket: WebSocket) -> None:
    async for message in there:
        async with asyncio.timeout(SEND_SECONDS):
            if message.type is aiohttp.WSMsgType.TEXT:
                await websocket.send_text(message.data)
            elif message.type is aiohttp.WSMsgType.BINARY:
                await websocket.send_bytes(message.data)


async def _up(websocket: WebSocket, there: aiohttp.ClientWebSocketResponse) -> None:
    while (message := await websocket.receive())["type"] == "websocket.receive":
        if message.get("text") is not None:
            await there.send_str(message["text"])
        else:
            await there.send_bytes(message["bytes"])


async def _watch(allowed: Callable[[], Awaitable[object]], leaving: asyncio.Event) -> None:
    while not leaving.is_set():
        await allowed()
        with suppress(TimeoutError):
            async with asyncio.timeout(CHECK_SECONDS):
                await leaving.wait()


async def _still_allowed(plane: Plane, caller: TheCaller) -> None:
    """Whether the session behind a ticket still counts, with the role that its owner has now.

    Raises:
        Unauthenticated: it has ended.
        Forbidden: its owner may not see this any more.
    """
    user = await plane.accounts.of_session(caller.credential, touch=False)
    check(_SEES, Principal(id=user.id, name=user.name, role=user.role, channel=Channel.SESSION))


def _pages(found: DaskPages | None) -> DaskPages:
    if found is None:
        raise Unavailable("there is no dashboard of Dask here")
    return found


def _answer(page: Page, *, below: str) -> Response:
    headers = {
        "content-security-policy": POLICY,
        # What a page in a sandbox loads comes from elsewhere, to the browser.
        "cross-origin-resource-policy": "cross-origin",
        **page.headers,
    }
    if page.location:
        # The dashboard believes that it stands at the top; an address of another host is none of its own.
        headers["location"] = f"{below}/{page.location.lstrip('/')}"
    return Response(page.body, page.status, headers)
