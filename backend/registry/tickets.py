"""Tickets over gRPC: each verb with the line of the policy, and the owner's rule, of its REST route."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from google.protobuf.message import Message
from pydantic import ValidationError

from backend import asked_work, deeds, plane, routed
from backend.caller import Caller
from backend.registry import verbs
from backend.routes import tickets as rest
from cluster_ai.core import errors, wire
from cluster_ai.plans.types import TicketView
from cluster_ai.plans.v1 import tickets_pb2 as pb

SERVICE: Final = "cluster_ai.plans.v1.Tickets"
Act = Callable[[plane.Plane, Caller, Any], Awaitable[Message]]
_AN_ID: Final = re.compile(r"[0-9a-f-]{1,36}")
_JSON: Final = ("parameters", "compensation", "result")
_SAME: Final = tuple(name for name in TicketView.model_fields if name in pb.Ticket.DESCRIPTOR.fields_by_name)


async def _get(head: plane.Plane, caller: Caller, request: pb.TicketId) -> pb.Ticket:
    return message(await head.work.reader.ticket(_id(request), owner=asked_work.reach(caller)))


async def _list(head: plane.Plane, caller: Caller, request: pb.ListRequest) -> pb.TicketPage:
    said = {name: value for name in ("plan_id", "intent_id", "cursor") if (value := getattr(request, name))}
    # An empty text is none; a page of no tickets would be of no use to anybody.
    said |= {name: value for name in ("status", "priority", "type", "limit") if (value := getattr(request, name))}
    try:
        filters = rest.TicketFilters.model_validate(said)
    except ValidationError as exc:
        raise _refused(exc) from exc
    page = await rest.tickets(filters, head, caller)
    return pb.TicketPage(items=map(message, page.items), next=page.next)


async def _update(head: plane.Plane, caller: Caller, request: pb.UpdateStatusRequest) -> pb.Ticket:
    try:
        wanted = rest.NewStatus.model_validate({"status": request.status, "reason": request.reason})
    except ValidationError as exc:
        raise _refused(exc) from exc
    seen = f'"{request.revision}"' if request.HasField("revision") else None
    return message(await rest.change(_id(request), wanted, head, caller, seen))


async def _token(head: plane.Plane, caller: Caller, request: pb.TicketId) -> pb.Token:
    async with deeds.recorded(head, caller, action="make_ticket_token", subject=_id(request)):
        made, until = await head.work.tickets.token(_id(request), owner=asked_work.reach(caller))
    return pb.Token(token=made, expires_at=until)


def message(view: TicketView) -> pb.Ticket:
    """A ticket as protobuf has it. Pure."""
    said: dict[str, Any] = {name: value for name in _SAME if (value := getattr(view, name)) is not None}
    said |= {f"sla_{name}": value for name, value in view.sla.model_dump().items()}
    said |= {f"qos_{name}": value for name, value in view.qos.model_dump(mode="json").items()}
    for name in _JSON:
        if (value := getattr(view, name)) is not None:
            said[f"{name}_json"] = wire.dump_json(value).decode()
    return pb.Ticket(**said)


def _id(request: Any) -> str:
    """As over HTTP: what cannot be an id never reaches the database."""
    if not _AN_ID.fullmatch(request.id):
        raise errors.InvalidInput("that is no id of a ticket", path="id")
    return str(request.id)


def _refused(exc: ValidationError) -> errors.InvalidInput:
    first = exc.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part)[:80] for part in first["loc"])
    return errors.InvalidInput(f"{where}: {first['msg'][:300]}", path=where)


def _verb(method: str, path: str, request: type[Message], act: Act) -> verbs.Verb:
    return verbs.Verb(routed.required_rule(method, f"/api/v1/tickets{path}"), request, act)


_ONE: Final = "/{ticket_id}"
VERBS: Final[Mapping[str, verbs.Verb]] = {
    "Get": _verb("GET", _ONE, pb.TicketId, _get),
    "List": _verb("GET", "", pb.ListRequest, _list),
    "UpdateStatus": _verb("PATCH", f"{_ONE}/status", pb.UpdateStatusRequest, _update),
    "GenerateToken": _verb("GET", f"{_ONE}/token", pb.TicketId, _token),
}
