"""The workers' side of tickets: an attempt begins, lives and ends. The attempt's own token opens these, and nothing
else does: nobody is signed in here.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Header
from pydantic import Field, StringConstraints

from backend.asked_work import ThisTicket
from backend.plane import Plane
from backend.policy import API
from backend.routed import PolicedRoute, ThePlane
from cluster_ai.core.wire import Count, Name, StrictModel, Text, View
from cluster_ai.executors.contract import Artefact, Reported, Result
from cluster_ai.plans import records, types, words

router = APIRouter(route_class=PolicedRoute, tags=["attempts"])

Bearer = Annotated[str, Header(alias="Authorization", max_length=4096)]
_PREFIX = "Bearer "
# Routes that are open to everybody are not described as ones that ask who is there; this one asks for its token.
NO_TOKEN: dict[str, Any] = {
    "description": "The ticket's token is missing, not ours, or too old",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


class Beat(StrictModel):
    """``progress``: 0 to 1."""

    progress: Annotated[float, Field(ge=0, le=1)] | None = None
    note: Annotated[Text, StringConstraints(max_length=256)] = ""


class LeftBehind(StrictModel):
    """A file in the ticket's folder."""

    name: Name
    path: Annotated[Text, StringConstraints(max_length=512)]
    bytes: Count
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class Finished(StrictModel):
    value: Any = None
    artefacts: list[LeftBehind] = Field(default_factory=list, max_length=256)


class Failure(StrictModel):
    """``retry_after``: seconds, when the worker knows better than the back-off."""

    code: Name = "failed"
    error: Annotated[Text, StringConstraints(max_length=4096)] = ""
    retryable: bool = True
    retry_after: Annotated[float, Field(ge=0, le=3600)] | None = None


class WantedView(View):
    """What is wanted of the worker. The token takes the place of the one before.

    ``report``: what the pipeline that it waits for has said.
    """

    cancel: bool
    token: str
    lease_until: float
    report: Reported | None = None


class Taken(View):
    """``dup``: the same report came before, and this one changed nothing."""

    dup: bool
    status: words.TicketState


@router.post(f"{API}/tickets/{{ticket_id}}/start")
async def start(ticket_id: ThisTicket, plane: ThePlane, authorization: Bearer = "") -> WantedView:
    """The attempt begins; told to cancel, it must not."""
    return _view(await plane.work.reports.start(_fence(plane, ticket_id, authorization, "start")))


@router.post(f"{API}/tickets/{{ticket_id}}/heartbeat")
async def heartbeat(
    ticket_id: ThisTicket, plane: ThePlane, wanted: Beat | None = None, authorization: Bearer = ""
) -> WantedView:
    """The attempt lives; it speaks at least three times a lease."""
    said = wanted or Beat()
    fence = _fence(plane, ticket_id, authorization, "heartbeat")
    return _view(await plane.work.reports.beat(fence, progress=said.progress, note=said.note))


@router.post(f"{API}/tickets/{{ticket_id}}/progress")
async def progress(ticket_id: ThisTicket, plane: ThePlane, wanted: Beat, authorization: Bearer = "") -> WantedView:
    """As a heartbeat."""
    return await heartbeat(ticket_id, plane, wanted, authorization)


@router.post(f"{API}/tickets/{{ticket_id}}/complete")
async def complete(ticket_id: ThisTicket, plane: ThePlane, wanted: Finished, authorization: Bearer = "") -> Taken:
    """The attempt succeeded. The same report again is answered the same; one that came too late is refused."""
    fence = _fence(plane, ticket_id, authorization, "complete")
    left = tuple(Artefact.model_validate(one.model_dump()) for one in wanted.artefacts)
    done = await plane.work.reports.complete(fence, Result(ok=True, value=wanted.value, artefacts=left))
    return Taken(dup=done.dup, status=done.status)


@router.post(f"{API}/tickets/{{ticket_id}}/fail")
async def fail(ticket_id: ThisTicket, plane: ThePlane, wanted: Failure, authorization: Bearer = "") -> Taken:
    """The attempt failed, or stopped because it was asked to."""
    fence = _fence(plane, ticket_id, authorization, "complete")
    done = await plane.work.reports.fail(fence, Result(ok=False, **wanted.model_dump()))
    return Taken(dup=done.dup, status=done.status)


@router.get(f"{API}/tickets/{{ticket_id}}/self", responses={401: NO_TOKEN})
async def itself(ticket_id: ThisTicket, plane: ThePlane, authorization: Bearer = "") -> types.TicketView:
    """The ticket, for whoever has a token that may read it."""
    _fence(plane, ticket_id, authorization, "read")
    return await plane.work.reader.ticket(ticket_id)


def _fence(plane: Plane, ticket_id: str, authorization: str, verb: str) -> records.Fence:
    if not authorization.startswith(_PREFIX):
        raise types.TicketToken("the ticket's token is missing", hint="send it as Authorization: Bearer ...")
    given = plane.work.given
    return given.keys.read(authorization[len(_PREFIX) :].strip(), ticket_id=ticket_id, verb=verb, now=given.now())


def _view(wanted: Any) -> WantedView:
    return WantedView(
        cancel=wanted.cancel, token=wanted.token, lease_until=wanted.lease_until, report=wanted.report
    )  # fmt: skip
