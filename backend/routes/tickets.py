"""Tickets: alone and in lists, steered, with their history, results and tokens."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field, StringConstraints

from backend.asked_work import Cursor, IdempotencyKey, IfMatch, ThisTicket, etag, owner_of, reach, seen
from backend.deeds import recorded
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.core.wire import Name, StrictModel, Text, View
from cluster_ai.plans import types
from cluster_ai.plans.words import FailurePolicy, Priority, TaskType, TicketState

router = APIRouter(route_class=PolicedRoute, tags=["tickets"])

Word = Field(default=None, strict=False)
ThisKind = Annotated[TaskType, Path()]


class Which(StrictModel):
    """All of them must fit."""

    plan_id: Annotated[str, StringConstraints(max_length=36, pattern=r"^[0-9a-f-]*$")] = ""
    intent_id: types.Label = ""
    priority: Annotated[Priority | None, Word]
    type: Annotated[TaskType | None, Word]

    def columns(self) -> dict[str, str]:
        """As the reader asks for them."""
        return {
            "plan_id": self.plan_id,
            "intent_id": self.intent_id,
            "priority": self.priority or "",
            "task_type": self.type or "",
        }


class TicketFilters(Which):
    """``text`` stands in the name, the description, the error code or the plan's name."""

    status: Annotated[TicketState | None, Word]
    text: Annotated[Text, StringConstraints(max_length=128, strip_whitespace=True)] = ""
    cursor: Cursor = ""
    limit: Annotated[int, Field(strict=False, ge=1, le=200)] = 50


class NewStatus(StrictModel):
    """``cancelled`` cancels, ``ready`` tries again or lets go, ``frozen`` holds."""

    status: Literal["cancelled", "ready", "frozen"]
    reason: Annotated[Text, StringConstraints(max_length=500)] = ""


class CancelTicket(StrictModel):
    within_s: Annotated[float, Field(gt=0, le=3600)] = 30.0


class Revival(StrictModel):
    """Dead tickets of one plan, or with one error code; all when neither is given."""

    plan_id: Annotated[str, StringConstraints(max_length=36, pattern=r"^[0-9a-f-]+$")] | None = None
    error_code: Name | None = None


class Revived(View):
    ticket_ids: tuple[str, ...]


class TicketResult(View):
    """What the ticket gave, as JSON."""

    ticket_id: str
    value: Any = None


class Token(View):
    """Reads this one ticket until ``expires_at``."""

    token: str
    expires_at: float


class PausedKinds(View):
    """Kinds of work of which nothing is given away, with who paused them."""

    items: dict[str, str]


@router.post(f"{API}/tickets", status_code=201, responses={200: {"model": types.Accepted}})
async def create(
    wanted: types.NewTicket, plane: ThePlane, caller: TheCaller, response: Response, key: IdempotencyKey = None
) -> types.Accepted:
    """One ticket, as a plan of its own."""
    plan = types.NewPlan(name=wanted.id, tickets=[wanted], idempotency_key=key)
    async with recorded(plane, caller, action="create_ticket", subject=wanted.id):
        accepted = await plane.work.plans.submit(plan, owner=owner_of(caller))
    response.status_code = 201 if accepted.is_first else 200
    return accepted


@router.post(f"{API}/ticket-batches", status_code=201, responses={200: {"model": types.Accepted}})
async def create_many(
    wanted: types.NewTickets, plane: ThePlane, caller: TheCaller, response: Response, key: IdempotencyKey = None
) -> types.Accepted:
    """Many tickets at once, all of them or none; each goes on whatever becomes of the others."""
    plan = types.NewPlan(
        name="batch",
        tickets=wanted.tickets,
        failure_policy=FailurePolicy.CONTINUE,
        idempotency_key=key or wanted.idempotency_key,
    )
    async with recorded(plane, caller, action="create_tickets", subject=str(len(wanted.tickets))):
        accepted = await plane.work.plans.submit(plan, owner=owner_of(caller))
    response.status_code = 201 if accepted.is_first else 200
    return accepted


@router.get(f"{API}/tickets")
async def tickets(filters: Annotated[TicketFilters, Query()], plane: ThePlane, caller: TheCaller) -> types.TicketPage:
    """The caller's tickets, the newest first, or of one plan in its order; operators see everybody's."""
    wanted = filters.columns() | {"status": filters.status or "", "text": filters.text}
    return await plane.work.reader.tickets(wanted, owner=reach(caller), cursor=filters.cursor, limit=filters.limit)


@router.get(f"{API}/tickets/counts")
async def counts(which: Annotated[Which, Query()], plane: ThePlane, caller: TheCaller) -> types.TicketCounts:
    """How many tickets are in which state, of all plans: the caller's; operators count everybody's."""
    return await plane.work.reader.ticket_counts(which.columns(), owner=reach(caller))


@router.get(f"{API}/tickets/dead-letter")
async def dead(filters: Annotated[TicketFilters, Query()], plane: ThePlane, caller: TheCaller) -> types.TicketPage:
    """Those whose every attempt was used up."""
    found = filters.model_copy(update={"status": TicketState.DEAD})
    return await tickets(found, plane, caller)


@router.post(f"{API}/tickets/dead-letter/revive")
async def revive(wanted: Revival, plane: ThePlane, caller: TheCaller) -> Revived:
    """Tries up to 500 of them again."""
    async with recorded(plane, caller, action="revive_tickets", subject=wanted.plan_id or ""):
        done = await plane.work.tickets.revive(
            owner=reach(caller), by=owner_of(caller), plan_id=wanted.plan_id, code=wanted.error_code
        )
    return Revived(ticket_ids=done)


@router.get(f"{API}/tickets/paused-kinds")
async def paused_kinds(plane: ThePlane, _caller: TheCaller) -> PausedKinds:
    """Kinds of work that are paused."""
    return PausedKinds(items=await plane.work.tickets.paused_kinds())


@router.put(f"{API}/tickets/paused-kinds/{{kind}}", status_code=204)
async def pause_kind(kind: ThisKind, plane: ThePlane, caller: TheCaller) -> None:
    """Gives no ticket of that kind away any more; those that run go on."""
    async with recorded(plane, caller, action="pause_kind", subject=kind):
        await plane.work.tickets.pause_kind(kind, by=owner_of(caller))


@router.delete(f"{API}/tickets/paused-kinds/{{kind}}", status_code=204)
async def resume_kind(kind: ThisKind, plane: ThePlane, caller: TheCaller) -> None:
    """Goes on with them."""
    async with recorded(plane, caller, action="resume_kind", subject=kind):
        await plane.work.tickets.resume_kind(kind)


@router.get(f"{API}/tickets/{{ticket_id}}")
async def ticket(ticket_id: ThisTicket, plane: ThePlane, caller: TheCaller, response: Response) -> types.TicketView:
    """One of them; its ETag is for a change that must not overlook another."""
    found = await plane.work.reader.ticket(ticket_id, owner=reach(caller))
    response.headers["ETag"] = etag(found.revision)
    return found


@router.get(f"{API}/tickets/{{ticket_id}}/result")
async def result(ticket_id: ThisTicket, plane: ThePlane, caller: TheCaller) -> TicketResult:
    """What it gave, however large; checked against its SHA-256."""
    return TicketResult(ticket_id=ticket_id, value=await plane.work.reader.result(ticket_id, owner=reach(caller)))


@router.get(f"{API}/tickets/{{ticket_id}}/history")
async def history(ticket_id: ThisTicket, plane: ThePlane, caller: TheCaller) -> types.HistoryView:
    """All that happened to it, whether the seals fit, and its attempts."""
    return await plane.work.reader.history(ticket_id, owner=reach(caller))


@router.get(f"{API}/tickets/{{ticket_id}}/token")
async def token(ticket_id: ThisTicket, plane: ThePlane, caller: TheCaller) -> Token:
    """A token that reads this one ticket and does nothing else, for a few minutes."""
    made, until = await plane.work.tickets.token(ticket_id, owner=reach(caller))
    return Token(token=made, expires_at=until)


@router.patch(f"{API}/tickets/{{ticket_id}}/status")
async def change(
    ticket_id: ThisTicket, wanted: NewStatus, plane: ThePlane, caller: TheCaller, if_match: IfMatch = None
) -> types.TicketView:
    """Cancels, tries again, lets go or holds a ticket; with If-Match only if it is as the caller saw it."""
    revision, owner, by = seen(if_match), reach(caller), owner_of(caller)
    room = plane.work.tickets
    async with recorded(plane, caller, action=f"set_ticket_{wanted.status}", subject=ticket_id):
        if wanted.status == "cancelled":
            return await room.cancel(ticket_id, owner=owner, by=by, revision=revision)
        if wanted.status == "frozen":
            return await room.hold(ticket_id, owner=owner, by=by, reason=wanted.reason, revision=revision)
        return await room.make_ready(ticket_id, owner=owner, by=by, revision=revision)


@router.post(f"{API}/tickets/{{ticket_id}}/retry")
async def retry(
    ticket_id: ThisTicket, plane: ThePlane, caller: TheCaller, if_match: IfMatch = None
) -> types.TicketView:
    """Tries again what failed, died or was cancelled."""
    async with recorded(plane, caller, action="retry_ticket", subject=ticket_id):
        return await plane.work.tickets.retry(
            ticket_id, owner=reach(caller), by=owner_of(caller), revision=seen(if_match)
        )


@router.post(f"{API}/tickets/{{ticket_id}}/cancel")
async def cancel(
    ticket_id: ThisTicket,
    plane: ThePlane,
    caller: TheCaller,
    wanted: CancelTicket | None = None,
    if_match: IfMatch = None,
) -> types.TicketView:
    """Cancels it, and what depends on it."""
    within = (wanted or CancelTicket()).within_s
    async with recorded(plane, caller, action="cancel_ticket", subject=ticket_id):
        return await plane.work.tickets.cancel(
            ticket_id, owner=reach(caller), by=owner_of(caller), within=within, revision=seen(if_match)
        )
