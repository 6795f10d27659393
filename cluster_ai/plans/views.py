"""Plans and tickets as others see them. Pure."""

from dataclasses import asdict
from typing import Any, Final

from cluster_ai.plans import machine
from cluster_ai.plans.records import TICKET, Attempt, Entry, Plan, Ticket
from cluster_ai.plans.types import AttemptView, HistoryEntry, PlanView, QosView, SlaView, TicketView
from cluster_ai.plans.words import PlanState, TicketState

_SAME: Final = tuple(name for name in TicketView.model_fields if name in TICKET)
_SAME_PLAN: Final = tuple(name for name in PlanView.model_fields if name in Plan.__slots__)
_CAN: Final[tuple[tuple[str, machine.Event], ...]] = (
    ("cancel", machine.CancelAsked(0.0)),
    ("retry", machine.Revived()),
    ("hold", machine.Held("")),
    ("unhold", machine.Released()),
)


def ticket_view(ticket: Ticket, *, needs: tuple[str, ...] = ()) -> TicketView:
    values: dict[str, Any] = {name: getattr(ticket, name) for name in _SAME}
    terms = SlaView(
        deadline=ticket.sla_deadline, timeout_ms=ticket.sla_timeout_ms, max_retries=ticket.sla_max_retries
    )  # fmt: skip
    qos = {
        "delivery_mode": ticket.qos_delivery_mode,
        "consistency": ticket.qos_consistency,
        "durability": ticket.qos_durability,
    }
    can = tuple(name for name, event in _CAN if machine.can(ticket, event))
    more = {"sla": terms, "qos": QosView.model_validate(qos), "depends_on": needs, "revision": ticket.chain_seq}
    return TicketView.model_validate(values | more | {"can": can})


def plan_view(plan: Plan) -> PlanView:
    values: dict[str, Any] = {name: getattr(plan, name) for name in _SAME_PLAN}
    spec = plan.spec
    more = {"deadline": spec.get("deadline"), "intent_id": spec.get("intent_id", ""), "can": plan_can(plan)}
    return PlanView.model_validate(values | more | {"metadata": spec.get("metadata", {})})


def plan_can(plan: Plan) -> tuple[str, ...]:
    """What may be done to it now."""
    if plan.status.ended:
        return ("replay",)
    if plan.status is PlanState.COMPENSATING:
        return ("pause",) if not plan.paused else ("resume",)
    return ("cancel", "resume" if plan.paused else "pause", "replay")


def entry_view(entry: Entry) -> HistoryEntry:
    return HistoryEntry.model_validate(asdict(entry))


def attempt_view(attempt: Attempt) -> AttemptView:
    return AttemptView.model_validate(asdict(attempt))


def is_done(ticket: Ticket) -> bool:
    """Whether its result may be read."""
    return ticket.status in (TicketState.SUCCEEDED, TicketState.COMPENSATING, TicketState.COMPENSATED)
