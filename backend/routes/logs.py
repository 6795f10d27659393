"""What the parts have logged, searched and followed."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from backend.auth import authenticate
from backend.logs_room import followed, opened
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from backend.streams import EventStream, Gate
from cluster_ai.core.wire import INT64_MAX
from cluster_ai.logs.types import LONGEST_QUERY, MOST_LINES, MOST_MINUTES, LogCounts, LogPage

router = APIRouter(route_class=PolicedRoute, tags=["logs"])

Asked = Annotated[str, Query(max_length=LONGEST_QUERY)]
Cursor = Annotated[int | None, Query(ge=0, le=INT64_MAX)]


@router.get(f"{API}/logs")
async def logs(
    plane: ThePlane,
    _caller: TheCaller,
    *,
    q: Asked = "",
    before: Annotated[int, Query(ge=1, le=INT64_MAX)] = INT64_MAX,
    limit: Annotated[int, Query(ge=1, le=MOST_LINES)] = 100,
) -> LogPage:
    """Lines that meet `q`, the newest first.

    `q` holds words, "phrases", `-word`, and `level:`, `part:`, `node:`, `since:`, `until:`; a line must meet all of it.
    """
    return await opened(plane.logs).page(q, before=before, limit=limit)


@router.get(f"{API}/logs/counts")
async def counts(
    plane: ThePlane,
    _caller: TheCaller,
    *,
    q: Asked = "",
    minutes: Annotated[int, Query(ge=1, le=MOST_MINUTES)] = 60,
) -> LogCounts:
    """How many lines of the last minutes meet `q`, per minute, or in longer steps beyond four hours."""
    return await opened(plane.logs).counts(q, minutes=minutes)


@router.get(
    f"{API}/logs/tail",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}, "description": "Lines."}},
)
async def tail(
    request: Request, plane: ThePlane, _caller: TheCaller, *, q: Asked = "", after: Cursor = None
) -> Response:
    """Lines that meet `q` as they come, as server-sent events: `id` is the line's number, `data` the envelope."""
    room, resumed = opened(plane.logs), request.headers.get("last-event-id", "")
    room.check(q)
    if after is None and resumed.isascii() and resumed.isdecimal():
        after = min(int(resumed[:19]), INT64_MAX)
    return EventStream(followed(room, q, after), gate=Gate(lambda: authenticate(request, touch=False), plane.leaving))
