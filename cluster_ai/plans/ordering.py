"""What an attempt is told to do, from its ticket. Pure."""

from dataclasses import dataclass
from typing import Final

from cluster_ai.executors.contract import Limits, Order
from cluster_ai.plans.records import Ticket
from cluster_ai.plans.turns import GATEWAY_KINDS
from cluster_ai.plans.words import TaskType, TicketState

MEMORY: Final = "memory"
DISK: Final = "disk"
NETWORK: Final = "network"
"""Words of a ticket's resources: bytes, bytes, and anything but 0 for a network."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where tickets ask models. Empty: nowhere."""

    url: str = ""
    key: str = ""


def order_of(ticket: Ticket, gateway: Gateway) -> Order:
    """For the attempt that the ticket is at now: what it asks for, or the undoing of it."""
    undoes = ticket.status is TicketState.COMPENSATING
    asks_models = ticket.task_type in GATEWAY_KINDS
    key = ticket.idempotency_key or ticket.ticket_id
    order = Order(
        ticket_id=ticket.ticket_id,
        attempt=ticket.attempt,
        kind=ticket.task_type,
        key=key,
        parameters=dict(ticket.parameters),
        limits=_limits(ticket),
        gateway_url=gateway.url if asks_models else "",
        gateway_key=gateway.key if asks_models else "",
    )
    return _undoing(ticket, order) if undoes else order


def _limits(ticket: Ticket) -> Limits:
    asked = ticket.resources
    return Limits(
        seconds=ticket.sla_timeout_ms / 1000,
        memory_bytes=int(asked.get(MEMORY, 0)),
        disk_bytes=int(asked.get(DISK, 0)),
        network=bool(asked.get(NETWORK, 0)),
    )


def _undoing(ticket: Ticket, order: Order) -> Order:
    """By a task of its own when the ticket names one, else by its own kind."""
    wish = dict(ticket.compensation or {})
    done = {
        "kind": ticket.task_type,
        "parameters": dict(ticket.parameters),
        "key": order.key,
        "result": {"value": ticket.result, "artefacts": [dict(one) for one in ticket.artefacts]},
    }
    kind = str(wish.get("type") or TaskType.COMPENSATE)
    parameters = dict(wish.get("parameters") or {})
    return order.model_copy(update={"kind": kind, "parameters": parameters, "key": f"{order.key}:undo", "done": done})
