"""What workers say of attempts at tickets: they begin, live and end here."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from backend.dispatching.work_door import token_of
from backend.policy import API
from backend.routed import PolicedRoute, ThePlane
from cluster_ai.core.errors import Unavailable
from cluster_ai.core.wire import JSON_TYPE

router = APIRouter(route_class=PolicedRoute, tags=["work"])

ThisTicket = Annotated[str, Path(min_length=36, max_length=36, pattern=r"^[0-9a-f-]{36}$")]
Verb = Literal["start", "heartbeat", "progress", "complete", "fail", "return"]


@router.post(f"{API}/work/batch/{{verb}}", response_class=Response)
async def report_many(verb: Literal["start", "end"], request: Request, plane: ThePlane) -> Response:
    """For workers: several attempts begin, or end, with one request. Each item brings the token of its own lease and is
    answered by itself: what is wrong with one (``refused``: a code and a message) spoils no other.
    """
    if plane.dispatching is None:
        raise Unavailable("tickets are not done here")
    reply = await plane.dispatching.clerk.answer_many(verb, await request.body())
    return Response(reply.model_dump_json(), media_type=JSON_TYPE)


@router.post(f"{API}/work/{{ticket_id}}/{{verb}}", response_class=Response)
async def report(ticket_id: ThisTicket, verb: Verb, request: Request, plane: ThePlane) -> Response:
    """For workers: an attempt begins, gives a sign of life, and ends; each with the token that came with its lease.

    ``start`` answers what is to be done; a sign of life, whether it is still wanted. 409 ``stale_attempt``: another
    attempt has taken over, and what this one did is worth nothing.
    """
    if plane.dispatching is None:
        raise Unavailable("tickets are not done here")
    reply = await plane.dispatching.clerk.answer(ticket_id, verb, token_of(request.scope), await request.body())
    return Response(reply.model_dump_json(), media_type=JSON_TYPE)
