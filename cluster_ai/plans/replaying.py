"""A plan once more: what of it is done again, and what is taken over. Pure."""

from collections.abc import Iterable, Mapping

from cluster_ai.plans import graph, references
from cluster_ai.plans.records import Plan, Ticket
from cluster_ai.plans.types import Compensation, NewPlan, NewTicket, NoSuchTicket, Qos, Sla
from cluster_ai.plans.words import (
    Consistency,
    DeliveryMode,
    Durability,
    FailurePolicy,
    Priority,
    RiskBand,
    SecurityLevel,
    TaskType,
    TicketState,
)

Needs = Mapping[str, tuple[str, ...]]
"""Names by name."""


def needs_of(all_tickets: Iterable[Ticket], edges: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """By name, from edges of ids."""
    names = {ticket.ticket_id: ticket.task_id for ticket in all_tickets}
    found: dict[str, list[str]] = {name: [] for name in names.values()}
    for one, needed in edges:
        found[names[one]].append(names[needed])
    return {name: tuple(sorted(wanted)) for name, wanted in found.items()}


def again(all_tickets: list[Ticket], needs: Needs, start: str | None) -> set[str]:
    """Names of what is done again: ``start``, or what did not succeed, with all that follows; else all of it.

    Raises:
        NoSuchTicket: the plan has none of that name or id.
    """
    feeds: dict[str, list[str]] = {}
    for name, wanted in needs.items():
        for need in wanted:
            feeds.setdefault(need, []).append(name)
    starts = {ticket.task_id for ticket in all_tickets if ticket.status is not TicketState.SUCCEEDED}
    if start is not None:
        named = {ticket.task_id for ticket in all_tickets if start in (ticket.task_id, ticket.ticket_id)}
        if not named:
            raise NoSuchTicket(f"the plan has no ticket {start}")
        starts |= named
    if not starts:
        return set(needs)
    return starts | graph.reached({name: tuple(names) for name, names in feeds.items()}, starts)


def asked_again(plan: Plan, all_tickets: list[Ticket], needs: Needs) -> NewPlan:
    """The plan as it was asked for, without its idempotency key and deadline."""
    names = {str(one.metadata.get("artefacts_of", one.ticket_id)): one.task_id for one in all_tickets}
    return NewPlan(
        name=plan.name,
        tickets=[_asked(ticket, needs[ticket.task_id], names) for ticket in all_tickets],
        failure_policy=FailurePolicy(plan.failure_policy),
        intent_id=plan.spec.get("intent_id", ""),
        decision_id=plan.spec.get("decision_id", ""),
        correlation_id=plan.correlation_id,
        trace_id=plan.trace_id,
        metadata=plan.spec.get("metadata", {}),
    )


def _asked(ticket: Ticket, needs: tuple[str, ...], names: Mapping[str, str]) -> NewTicket:
    own_key = ticket.idempotency_key if ticket.idempotency_key != ticket.ticket_id else None
    undo = ticket.compensation
    return NewTicket(
        id=ticket.task_id,
        type=TaskType(ticket.task_type),
        description=ticket.description,
        depends_on=list(needs),
        parameters=references.named(ticket.parameters, names),
        priority=Priority(ticket.priority),
        risk_band=RiskBand(ticket.risk_band),
        security_level=SecurityLevel(ticket.security_level),
        sla=Sla(
            timeout_ms=ticket.sla_timeout_ms,
            max_retries=ticket.sla_max_retries,
            start_within_ms=ticket.start_within_ms,
            non_retryable=list(ticket.non_retryable),
        ),
        qos=Qos(
            delivery_mode=DeliveryMode(ticket.qos_delivery_mode),
            consistency=Consistency(ticket.qos_consistency),
            durability=Durability(ticket.qos_durability),
        ),
        required_capabilities=list(ticket.required_capabilities),
        resources={name: float(amount) for name, amount in ticket.resources.items()},
        estimated_duration_ms=ticket.estimated_duration_ms,
        compensation=None if undo is None else Compensation.model_validate(undo),
        webhook_url=ticket.webhook_url,
        template_id=ticket.template_id,
        span_id=ticket.span_id,
        preemptible=ticket.preemptible,
        idempotent=ticket.idempotent,
        idempotency_key=own_key,
        metadata={name: text for name, text in ticket.metadata.items() if name != "artefacts_of"},
    )
