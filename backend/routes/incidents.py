"""What is wrong with how tickets get done, and what was; and what tickets write while they run."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from backend.asked_work import ThisTicket, reach
from backend.auth import authenticate
from backend.dispatching.following import LogStream, followed, the_dispatching
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from backend.streams import Gate
from cluster_ai.plans.incident_views import IncidentPage

router = APIRouter(route_class=PolicedRoute, tags=["incidents"])

Kind = Literal["", "runaway", "stuck", "lost", "no_worker", "scheduler_away", "bus_down", "integrity"]


@router.get(f"{API}/incidents")
async def incidents(
    plane: ThePlane,
    kind: Kind = "",
    *,
    is_open: Annotated[bool, Query(alias="open")] = False,
    cursor: Annotated[str, Query(max_length=80)] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> IncidentPage:
    """The newest first; ``open=true``: those that are not over."""
    found = the_dispatching(plane).incidents
    return await found.page(kind=kind, is_open=is_open, cursor=cursor, limit=limit)


@router.get(f"{API}/tickets/{{ticket_id}}/logs", response_class=Response)
async def logs(
    ticket_id: ThisTicket,
    request: Request,
    plane: ThePlane,
    caller: TheCaller,
    *,
    follow: bool = True,
    form: Literal["events", "lines"] = "events",
    after: Annotated[int, Query(ge=0, le=2**40)] = 0,
) -> Response:
    """What the ticket wrote, as server-sent events; each ``id`` is what to come back with as ``after``.

    ``form=lines``: each on a line of its own as JSON, with no events around. The stream ends with the ticket, or with
    what there is when ``follow`` is false.
    """
    await plane.work.reader.ticket(ticket_id, owner=reach(caller))

    async def still_theirs() -> None:
        # Roles change while streams are open.
        await plane.work.reader.ticket(ticket_id, owner=reach(await authenticate(request, touch=False)))

    source = followed(plane, ticket_id, after=after, follow=follow)
    return LogStream(source, gate=Gate(still_theirs, plane.leaving), as_lines=form == "lines")
