"""The operations on plans and tickets, as values: ``client.send(plan_calls.plans())``. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from cluster_ai.client.calls import API, Call, nothing, segment
from cluster_ai.core.wire import View
from cluster_ai.plans.incident_views import IncidentPage
from cluster_ai.plans.types import (
    Accepted,
    GraphView,
    HistoryView,
    PlanPage,
    PlanView,
    TicketPage,
    TicketView,
    Validated,
)

SUBMIT_SECONDS: Final = 60.0
"""Ten thousand tickets are checked and stored before the answer."""


class Revived(View):
    ticket_ids: tuple[str, ...] = ()


class Verified(View):
    tickets: int


def submit(plan: Mapping[str, Any]) -> Call[Accepted]:
    return Call("POST", f"{API}/plans", Accepted.model_validate_json, body=plan, seconds=SUBMIT_SECONDS)


def check(plan: Mapping[str, Any]) -> Call[Validated]:
    """What would be refused is refused, and nothing is stored."""
    return Call("POST", f"{API}/plan-checks", Validated.model_validate_json, body=plan, seconds=SUBMIT_SECONDS)


def plans(*, status: str = "", cursor: str = "", limit: int = 50) -> Call[PlanPage]:
    return Call("GET", f"{API}/plans", PlanPage.model_validate_json, query=_said(status, cursor, limit))


def plan(plan_id: str) -> Call[PlanView]:
    return Call("GET", _plan(plan_id), PlanView.model_validate_json)


def graph(plan_id: str) -> Call[GraphView]:
    return Call("GET", f"{_plan(plan_id)}/graph", GraphView.model_validate_json)


def verify(plan_id: str) -> Call[Verified]:
    return Call("GET", f"{_plan(plan_id)}/verify", Verified.model_validate_json, seconds=SUBMIT_SECONDS)


def steer(plan_id: str, verb: str, **said: Any) -> Call[PlanView]:
    """``verb``: cancel, pause or resume; ``within_s`` goes with cancel."""
    path = f"{_plan(plan_id)}/{verb}"
    return Call("POST", path, PlanView.model_validate_json, body=said or None, seconds=SUBMIT_SECONDS)


def replay(plan_id: str, *, start: str | None = None) -> Call[Accepted]:
    path = f"{_plan(plan_id)}/replay"
    return Call("POST", path, Accepted.model_validate_json, body={"start": start}, seconds=SUBMIT_SECONDS)


def tickets(filters: Mapping[str, str], *, cursor: str = "", limit: int = 50) -> Call[TicketPage]:
    """``filters``: ``plan_id``, ``status``, ``type``, ``priority``, ``intent_id``, ``text``; empty ones are none."""
    query = {name: value for name, value in filters.items() if value} | _said("", cursor, limit)
    return Call("GET", f"{API}/tickets", TicketPage.model_validate_json, query=query)


def ticket(ticket_id: str) -> Call[TicketView]:
    return Call("GET", _ticket(ticket_id), TicketView.model_validate_json)


def history(ticket_id: str) -> Call[HistoryView]:
    return Call("GET", f"{_ticket(ticket_id)}/history", HistoryView.model_validate_json)


def logs(ticket_id: str, *, follow: bool) -> Call[None]:
    """Lines, streamed; with ``follow`` until the ticket has ended."""
    query = {"form": "lines", "follow": str(follow).lower()}
    return Call("GET", f"{_ticket(ticket_id)}/logs", nothing, query=query, seconds=SUBMIT_SECONDS)


def create_ticket(ticket: Mapping[str, Any], *, key: str | None = None) -> Call[Accepted]:
    """One ticket, as a plan of its own. ``key``: the same ticket under it is accepted once."""
    headers = {"Idempotency-Key": key} if key else {}
    path = f"{API}/tickets"
    return Call("POST", path, Accepted.model_validate_json, body=ticket, headers=headers, seconds=SUBMIT_SECONDS)


def let_go(seen: TicketView) -> Call[TicketView]:
    """A ticket that is held goes on; refused when it is not any more as it was ``seen``."""
    path, headers = f"{_ticket(seen.ticket_id)}/status", {"If-Match": f'"{seen.revision}"'}
    return Call("PATCH", path, TicketView.model_validate_json, body={"status": "ready"}, headers=headers)


def steer_ticket(ticket_id: str, verb: str) -> Call[TicketView]:
    """``verb``: retry or cancel."""
    return Call("POST", f"{_ticket(ticket_id)}/{verb}", TicketView.model_validate_json)


def revive(*, plan_id: str | None, code: str | None) -> Call[Revived]:
    body = {"plan_id": plan_id, "error_code": code}
    path = f"{API}/tickets/dead-letter/revive"
    return Call("POST", path, Revived.model_validate_json, body=body, seconds=SUBMIT_SECONDS)


def incidents(*, closed: bool = False, limit: int = 50) -> Call[IncidentPage]:
    """What healing found, newest first; only what is open, unless ``closed`` ones are wanted, too."""
    query = {"open": str(not closed).lower(), "limit": str(limit)}
    return Call("GET", f"{API}/incidents", IncidentPage.model_validate_json, query=query)


def _plan(plan_id: str) -> str:
    return f"{API}/plans/{segment(plan_id)}"


def _ticket(ticket_id: str) -> str:
    return f"{API}/tickets/{segment(ticket_id)}"


def _said(status: str, cursor: str, limit: int) -> dict[str, str]:
    known = {"status": status, "cursor": cursor}
    return {name: value for name, value in known.items() if value} | {"limit": str(limit)}
