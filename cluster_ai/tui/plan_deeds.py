"""What may be done to plans and tickets as they stand. Pure."""

from typing import Any, Final

from cluster_ai.client import plan_calls
from cluster_ai.client.calls import Call
from cluster_ai.core.i18n import Translate
from cluster_ai.plans.types import PlanView, TicketView
from cluster_ai.tui.actions import Action

PLAN_VERBS: Final = ("pause", "resume", "replay", "cancel")
TICKET_VERBS: Final = ("retry", "cancel")
Deeds = list[Action]


def plan_deeds(plan: PlanView | None, t: Translate) -> Deeds:
    """Cancelling asks for its name."""
    return [
        Action(t(f"plan.{verb}", name=plan.name), _call(plan, verb), name=plan.name if verb == "cancel" else "")
        for verb in PLAN_VERBS
        if plan and verb in plan.can
    ]


def ticket_deeds(ticket: TicketView | None, t: Translate) -> Deeds:
    """Cancelling asks for its name."""
    return [
        Action(
            t(f"ticket.{verb}", name=ticket.task_id),
            plan_calls.steer_ticket(ticket.ticket_id, verb),
            name=ticket.task_id if verb == "cancel" else "",
        )
        for verb in TICKET_VERBS
        if ticket and verb in ticket.can
    ]


def _call(plan: PlanView, verb: str) -> Call[Any]:
    return plan_calls.replay(plan.plan_id) if verb == "replay" else plan_calls.steer(plan.plan_id, verb)
