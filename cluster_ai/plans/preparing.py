"""C1 and C2: a plan that was asked for, checked and made into tickets. Pure but for the checks that are handed in."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.trace_context import read_context
from cluster_ai.plans import graph, hashing, machine, references, score, sla
from cluster_ai.plans.given import Given
from cluster_ai.plans.records import Entry, Plan, Ticket, but
from cluster_ai.plans.types import NewPlan, NewTicket, NotIdempotent
from cluster_ai.plans.words import DeliveryMode, PlanState, TaskType, TicketState
from cluster_ai.plans.work import counters

S = TicketState
ARTEFACTS_OF: Final = "artefacts_of"
"""Among a ticket's metadata: the ticket whose artefacts it has taken over."""
TRACE: Final = "traceparent"
"""Among a plan's spec: the request that brought it, for the spans of its attempts."""
Reused = Mapping[str, Ticket]
"""By name: tickets whose results another plan has already."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan that only needs to be stored. ``edges``: (ticket, ticket that it depends on), by id."""

    plan: Plan
    tickets: tuple[Ticket, ...]
    edges: tuple[tuple[str, str], ...]
    entries: tuple[Entry, ...]
    graph: graph.Graph

    @property
    def ids(self) -> dict[str, str]:
        return {ticket.task_id: ticket.ticket_id for ticket in self.tickets}


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose plan it is, when it came, and of which one it is a replay."""

    owner: str
    now: float
    replay_of: str | None = None
    reused: Reused = field(default_factory=dict)
    trace: str = ""
    """The ``traceparent`` of the request that brought it; empty where nothing is traced."""


def checked(new: NewPlan, given: Given) -> tuple[graph.Graph, dict[str, dict[str, Any]]]:
    """C1: the graph, and each ticket's parameters as they are stored, by name.

    Raises:
        PlanCycle, UnknownDependency, DuplicateTicket: the graph is none.
        NotIdempotent: EXACTLY_ONCE was asked of work that cannot give it.
        InvalidInput: a kind or parameter is wrong; ``path`` says which.
    """
    built = graph.build((ticket.id, ticket.depends_on) for ticket in new.tickets)
    stored = {ticket.id: _parameters(number, ticket, given) for number, ticket in enumerate(new.tickets)}
    same = {name: name for name in stored}
    for number, (name, parameters) in enumerate(stored.items()):
        references.resolved(parameters, same, needs=built.needs[name], where=f"tickets.{number}")
    return built, stored


def prepared(new: NewPlan, given: Given, origin: Origin) -> Prepared:
    """C1 and C2: tickets in an order in which nothing comes before what it depends on.

    Raises:
        ClusterError: as ``checked``.
    """
    built, parameters = checked(new, given)
    plan = _plan(new, given.new_id(), origin)
    by_name = {ticket.id: ticket for ticket in new.tickets}
    ids = {name: given.new_id() for name in built.order}
    # What a ticket that is taken over left lies where it was left.
    lie = ids | {name: _left_by(done) for name, done in origin.reused.items()}
    made: list[Ticket] = []
    entries: list[Entry] = []
    for ordinal, name in enumerate(built.order):
        stored = references.resolved(parameters[name], lie, needs=built.needs[name], where=f"tickets.{name}")
        asked = _asked(by_name[name], stored, plan=plan, given=given)
        asked = but(asked, ticket_id=ids[name], ordinal=ordinal, level=built.levels[name])
        standing = _standing(asked, built.needs[name], new, origin)
        sealed = but(standing, hash=hashing.of_ticket(standing))
        entries.append(_born(sealed, origin))
        made.append(but(sealed, chain_seq=1, chain_head=entries[-1].hash))
    edges = tuple((ids[name], ids[need]) for name in built.order for need in built.needs[name])
    counts = counters(ticket.status for ticket in made)
    plan = replace(plan, hash=hashing.of_plan(made), **counts)
    return Prepared(plan, tuple(made), edges, tuple(entries), built)


def body_hash(new: NewPlan) -> str:
    """What tells two bodies under one idempotency key apart."""
    return hashing.digest(new.model_dump(mode="json", exclude={"idempotency_key"}))


def _parameters(number: int, ticket: NewTicket, given: Given) -> dict[str, Any]:
    where = f"tickets.{number}"
    if ticket.type is TaskType.COMPENSATE:
        raise InvalidInput(
            "COMPENSATE is what undoes another ticket", path=f"{where}.type", hint="give that ticket a compensation"
        )
    exactly = ticket.qos.delivery_mode is DeliveryMode.EXACTLY_ONCE
    if exactly and not _is_idempotent(ticket, given):
        raise NotIdempotent(
            f"{ticket.id}: {ticket.type} cannot be done twice with one effect",
            path=f"{where}.qos.delivery_mode",
            hint="ask for AT_MOST_ONCE or AT_LEAST_ONCE",
        )
    undo = ticket.compensation
    if undo is not None and undo.type is not None:
        _checked_by(given, undo.type, undo.parameters, f"{where}.compensation")
    return _checked_by(given, ticket.type, ticket.parameters, where)


def _is_idempotent(new: NewTicket, given: Given) -> bool:
    """Whoever hands in a command knows what it does; its executor cannot."""
    return given.traits(new.type).is_idempotent if new.idempotent is None else new.idempotent


def _checked_by(given: Given, kind: str, parameters: dict[str, Any], where: str) -> dict[str, Any]:
    try:
        return given.check(kind, parameters)
    except InvalidInput as exc:
        inner = f".parameters.{exc.path}" if exc.path else ""
        wrong = InvalidInput(exc.message, path=f"{where}{inner}", hint=exc.hint, values=exc.values)
        raise wrong.coded(exc.code if exc.code != InvalidInput.code else "") from exc


def _plan(new: NewPlan, plan_id: str, origin: Origin) -> Plan:
    deadline = None if new.deadline_s is None else origin.now + new.deadline_s
    spec = {"intent_id": new.intent_id, "decision_id": new.decision_id, "metadata": new.metadata}
    came = read_context(origin.trace)
    return Plan(
        plan_id=plan_id,
        owner=origin.owner,
        name=new.name,
        spec=spec | {"deadline": deadline} | ({TRACE: origin.trace} if came else {}),
        failure_policy=new.failure_policy.value,
        deadline=deadline,
        paused=new.paused,
        status=PlanState.SUBMITTED,
        idempotency_key=new.idempotency_key,
        body_hash=body_hash(new),
        replay_of=origin.replay_of,
        correlation_id=new.correlation_id or plan_id,
        trace_id=new.trace_id or (f"{came.trace:032x}" if came else ""),
        created_at=origin.now,
        updated_at=origin.now,
    )


def _asked(new: NewTicket, parameters: dict[str, Any], *, plan: Plan, given: Given) -> Ticket:
    terms = sla.terms(new.risk_band, new.sla)
    trait = given.traits(new.type)
    undo = new.compensation
    return Ticket(
        ticket_id="",
        plan_id=plan.plan_id,
        owner=plan.owner,
        intent_id=str(plan.spec["intent_id"]),
        decision_id=str(plan.spec["decision_id"]),
        correlation_id=plan.correlation_id,
        trace_id=plan.trace_id,
        span_id=new.span_id,
        task_id=new.id,
        task_type=new.type.value,
        description=new.description,
        priority=new.priority.value,
        risk_band=new.risk_band.value,
        security_level=new.security_level.value,
        priority_score=score.rank(new.risk_band, new.priority),
        sla_deadline=terms.deadline(plan.created_at),
        sla_timeout_ms=terms.timeout_ms,
        sla_max_retries=terms.max_retries,
        start_within_ms=new.sla.start_within_ms,
        non_retryable=tuple(new.sla.non_retryable),
        qos_delivery_mode=new.qos.delivery_mode.value,
        qos_consistency=new.qos.consistency.value,
        qos_durability=new.qos.durability.value,
        template_id=new.template_id,
        parameters=parameters,
        required_capabilities=tuple(new.required_capabilities),
        resources=new.resources,
        webhook_url=new.webhook_url,
        estimated_duration_ms=new.estimated_duration_ms,
        compensation=None if undo is None else undo.model_dump(mode="json"),
        metadata=new.metadata,
        preemptible=new.preemptible,
        idempotent=_is_idempotent(new, given),
        undoable=trait.can_compensate if undo is None or undo.type is None else True,
        idempotency_key=new.idempotency_key or "",
        created_at=plan.created_at,
        updated_at=plan.created_at,
    )


def _standing(asked: Ticket, needs: tuple[str, ...], new: NewPlan, origin: Origin) -> Ticket:
    """How it stands when it is born."""
    key = asked.idempotency_key or asked.ticket_id
    if (done := origin.reused.get(asked.task_id)) is not None:
        return but(
            asked,
            idempotency_key=key,
            metadata=dict(asked.metadata) | {ARTEFACTS_OF: _left_by(done)},
            status=S.SUCCEEDED,
            completed_at=origin.now,
            progress=1.0,
            actual_duration_ms=done.actual_duration_ms,
            result=done.result,
            result_uri=done.result_uri,
            result_sha256=done.result_sha256,
            result_bytes=done.result_bytes,
            artefacts=done.artefacts,
        )
    pending = sum(need not in origin.reused for need in needs)
    status = S.PENDING if new.paused else S.WAITING if pending else S.READY
    born = but(asked, idempotency_key=key, pending_deps=pending, status=status)
    if status is not S.READY:
        return born
    return but(born, ready_at=origin.now, queued=1, due_at=machine.due(but(born, ready_at=origin.now)))


def _left_by(done: Ticket) -> str:
    """Whose folder the artefacts of a ticket lie in."""
    return str(done.metadata.get(ARTEFACTS_OF, done.ticket_id))


def _born(ticket: Ticket, origin: Origin) -> Entry:
    data: dict[str, Any] = {"plan_id": ticket.plan_id, "task_id": ticket.task_id}
    if ticket.status is S.SUCCEEDED:
        data |= {"reused_from": origin.reused[ticket.task_id].ticket_id, "result_sha256": ticket.result_sha256}
    said = hashing.Said("created", ticket.owner, "", ticket.status.value, data, origin.now)
    return hashing.sealed(said, ticket_id=ticket.ticket_id, seq=1, previous=ticket.hash)
