"""Words of the plans room: what comes in, what goes out, what can go wrong. Pure. Times are Unix seconds."""

import re
from typing import Annotated, Any, Final, Self

from pydantic import AfterValidator, Field, StringConstraints

from cluster_ai.core.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from cluster_ai.core.wire import Name, StrictModel, Text, View, dump_json
from cluster_ai.plans.words import (
    Consistency,
    DeliveryMode,
    Durability,
    FailurePolicy,
    PlanState,
    Priority,
    RiskBand,
    SecurityLevel,
    TaskType,
    TicketState,
)

MOST_TICKETS: Final = 10_000
"""Of one plan."""
MOST_PARAMETER_BYTES: Final = 256 * 1024
LONGEST_SECONDS: Final = 30 * 86_400.0
SCHEMA_VERSION: Final = 2


class PlanCycle(InvalidInput):
    """Tickets wait for each other in a circle; ``message`` names it."""

    code = "plan_cycle"


class UnknownDependency(InvalidInput):
    """A ticket depends on one that the plan does not have."""

    code = "unknown_dependency"


class DuplicateTicket(InvalidInput):
    """Two tickets of a plan have the same id."""

    code = "duplicate_ticket"


class KeyReused(InvalidInput):
    """The idempotency key stands for another body."""

    code = "idempotency_key_reused"


class NotIdempotent(InvalidInput):
    """EXACTLY_ONCE was asked of a kind of work that does harm when it is done twice."""

    code = "not_idempotent"


class IllegalTransition(Conflict):
    """That cannot happen to the ticket or plan as it stands."""

    code = "illegal_transition"


class StaleAttempt(Conflict):
    """Another attempt at the ticket has taken over: this one's report is worth nothing."""

    code = "stale_attempt"


class ReportedOtherwise(Conflict):
    """The pipeline that the ticket waits for has said something else before; the first word counts."""

    code = "reported_otherwise"


class NoSuchPlan(NotFound):
    """There is no such plan, or it is somebody else's."""

    code = "no_such_plan"


class NoSuchTicket(NotFound):
    """There is no such ticket, or it is somebody else's, or it has no result."""

    code = "no_such_ticket"


class TicketToken(Unauthenticated):
    """The ticket's token is missing, not ours, or too old."""

    code = "ticket_token"


class TokenScope(Forbidden):
    """The token is of another ticket, or does not reach that verb."""

    code = "ticket_token_scope"


class ChainBroken(Conflict):
    """The history of a ticket was changed; ``message`` says where."""

    code = "history_broken"


_NUL: Final = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")


def _storable(value: dict[str, Any]) -> dict[str, Any]:
    try:
        raw = dump_json(value)
    except (ValueError, UnicodeEncodeError, RecursionError) as exc:
        raise ValueError("cannot be written as JSON") from exc
    if len(raw) > MOST_PARAMETER_BYTES:
        raise ValueError(f"takes {len(raw)} bytes; {MOST_PARAMETER_BYTES} are the most: pass a file or an address")
    # An even number of backslashes before it: then it is text that looks like one.
    if _NUL.search(raw):
        raise ValueError("contains a NUL character")
    return value


Values = Annotated[dict[str, Any], AfterValidator(_storable)]
"""An object of JSON of bounded size."""
Label = Annotated[Text, StringConstraints(max_length=64)]
Loose = Field(strict=False)
"""Enumerations come as texts."""
Seconds = Annotated[float, Field(gt=0, le=LONGEST_SECONDS)]
Milliseconds = Annotated[int, Field(gt=0, le=int(LONGEST_SECONDS) * 1000)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]
"""An idempotency key: visible ASCII."""


class Sla(StrictModel):
    """What differs from the table of the risk band. Times in milliseconds."""

    timeout_ms: Milliseconds | None = None
    """Of one attempt, from its start to its end."""
    max_retries: Annotated[int, Field(ge=0, le=100)] | None = None
    start_within_ms: Milliseconds | None = None
    """A ticket that waits longer for a worker fails; it waits for ever when None."""
    non_retryable: list[Name] = Field(default_factory=list, max_length=32)
    """Codes of errors after which it is not tried again."""


class Qos(StrictModel):
    delivery_mode: Annotated[DeliveryMode, Loose] = DeliveryMode.AT_LEAST_ONCE
    consistency: Annotated[Consistency, Loose] = Consistency.STRONG
    durability: Annotated[Durability, Loose] = Durability.PERSISTENT


class Compensation(StrictModel):
    """What undoes a ticket. Without ``type`` its own executor does."""

    type: Annotated[TaskType, Loose] | None = None
    parameters: Values = Field(default_factory=dict)


class NewTicket(StrictModel):
    """A ticket as it is asked for. ``id`` is its name inside the plan; ``depends_on`` are such names."""

    id: Name
    type: Annotated[TaskType, Loose]
    description: Annotated[Text, StringConstraints(max_length=1024)] = ""
    depends_on: list[Name] = Field(default_factory=list, max_length=MOST_TICKETS)
    parameters: Values = Field(default_factory=dict)
    priority: Annotated[Priority, Loose] = Priority.NORMAL
    risk_band: Annotated[RiskBand, Loose] = RiskBand.MEDIUM
    security_level: Annotated[SecurityLevel, Loose] = SecurityLevel.INTERNAL
    sla: Sla = Sla()
    qos: Qos = Qos()
    required_capabilities: list[Name] = Field(default_factory=list, max_length=64)
    resources: dict[Name, Annotated[float, Field(ge=0, le=1e15)]] = Field(default_factory=dict, max_length=16)
    """What an attempt takes of its worker: ``slot``, ``gpu``, ``vram_gb``."""
    estimated_duration_ms: Milliseconds | None = None
    compensation: Compensation | None = None
    webhook_url: Annotated[Text, StringConstraints(max_length=2048)] = ""
    template_id: Label = ""
    span_id: Label = ""
    preemptible: bool = False
    idempotent: bool | None = None
    """Whether it may be begun twice without harm; as its kind of work says when None."""
    idempotency_key: Key | None = None
    """Handed to the executor for effects outside; the ticket's own id when None."""
    metadata: dict[Name, Annotated[Text, StringConstraints(max_length=1024)]] = Field(
        default_factory=dict, max_length=32
    )


class NewPlan(StrictModel):
    """A plan as it is asked for."""

    name: Annotated[Text, StringConstraints(min_length=1, max_length=128)] = "plan"
    tickets: list[NewTicket] = Field(min_length=1, max_length=MOST_TICKETS)
    failure_policy: Annotated[FailurePolicy, Loose] = FailurePolicy.FAIL_FAST
    deadline_s: Seconds | None = None
    """Seconds after its acceptance; what has not ended by then is cancelled and the plan has failed."""
    paused: bool = False
    """It is accepted and begins when it is resumed."""
    idempotency_key: Key | None = None
    intent_id: Label = ""
    decision_id: Label = ""
    correlation_id: Label = ""
    trace_id: Label = ""
    metadata: dict[Name, Annotated[Text, StringConstraints(max_length=1024)]] = Field(
        default_factory=dict, max_length=32
    )


class NewTickets(StrictModel):
    """Several tickets at once, as one plan; each goes on whatever becomes of the others."""

    tickets: list[NewTicket] = Field(min_length=1, max_length=MOST_TICKETS)
    idempotency_key: Key | None = None


class SlaView(View):
    deadline: float
    timeout_ms: int
    max_retries: int


class QosView(View):
    delivery_mode: DeliveryMode
    consistency: Consistency
    durability: Durability


class TicketView(View):
    """A ticket as people and programs see it. Large results are fetched by themselves: ``result_bytes`` says so."""

    ticket_id: str
    plan_id: str
    intent_id: str
    decision_id: str
    correlation_id: str
    trace_id: str
    span_id: str
    task_id: str
    task_type: TaskType
    description: str
    depends_on: tuple[str, ...] = ()
    """Names inside the plan; only where one ticket is shown."""
    status: TicketState
    priority: Priority
    risk_band: RiskBand
    security_level: SecurityLevel
    priority_score: float
    sla: SlaView
    qos: QosView
    template_id: str
    parameters: dict[str, Any]
    required_capabilities: tuple[str, ...]
    resources: dict[str, float]
    allocated_agent_id: str
    webhook_url: str
    owner: str
    attempt: int
    retry_count: int
    losses: int
    progress: float
    note: str
    cancel_requested: bool
    error_code: str
    error_message: str
    estimated_duration_ms: int | None
    actual_duration_ms: int | None
    compensation: dict[str, Any] | None
    result: Any = None
    result_uri: str
    result_sha256: str
    result_bytes: int
    artefacts: tuple[dict[str, Any], ...]
    metadata: dict[str, str]
    preemptible: bool
    idempotent: bool
    idempotency_key: str
    created_at: float
    updated_at: float
    started_at: float | None
    completed_at: float | None
    schema_version: int
    hash: str
    revision: int
    """Grows with every change of its state."""
    can: tuple[str, ...] = ()
    """What may be done to it now: ``cancel``, ``retry``, ``hold``, ``unhold``."""


class PlanView(View):
    """A plan as people and programs see it. ``steps``: milliseconds of C1 to C6, as far as they were done."""

    plan_id: str
    name: str
    owner: str
    status: PlanState
    paused: bool
    failure_policy: FailurePolicy
    deadline: float | None
    tickets: int
    open_tickets: int
    succeeded: int
    failed: int
    cancelled: int
    steps: dict[str, float]
    error_code: str
    error_message: str
    replay_of: str | None
    correlation_id: str
    trace_id: str
    intent_id: str
    metadata: dict[str, str]
    hash: str
    revision: int
    created_at: float
    updated_at: float
    started_at: float | None
    finished_at: float | None
    can: tuple[str, ...] = ()


class Accepted(View):
    """``is_first`` is False where the same body came before under the same idempotency key."""

    plan: PlanView
    ticket_ids: dict[str, str]
    """Ticket by its name inside the plan."""
    is_first: bool = True


class Page(View):
    """``next``: the cursor of the page that follows; empty at the end."""

    next: str = ""


class PlanPage(Page):
    items: tuple[PlanView, ...]


class TicketPage(Page):
    items: tuple[TicketView, ...]
    plan_names: dict[str, str] = {}  # noqa: RUF012 - pydantic copies it
    """Of the plans that these tickets belong to, by id."""


class TicketCounts(View):
    """How many tickets there are, by state; ``items`` leaves out states that none is in."""

    items: dict[TicketState, int]
    total: int


class Edge(View):
    ticket: str
    depends_on: str


class Node(View):
    id: str
    ticket_id: str
    type: TaskType
    status: TicketState
    level: int
    """Length of the longest way from a beginning."""


class GraphView(View):
    """``critical_path``: the names whose estimated durations add up to the longest."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    critical_path: tuple[str, ...]
    critical_ms: int


class HistoryEntry(View):
    """One thing that happened to a ticket, sealed to what happened before."""

    seq: int
    at: float
    type: str
    actor: str
    from_state: str
    to_state: str
    data: dict[str, Any]
    prev_hash: str
    hash: str


class AttemptView(View):
    n: int
    agent_id: str
    undoes: bool
    leased_at: float
    started_at: float | None
    ended_at: float | None
    outcome: str
    """Empty while it runs; ``succeeded``, ``failed``, ``lost``, ``timed_out``, ``cancelled``, or ``returned`` by a
    worker that did nothing of it."""
    error_code: str
    error: str
    cost_class: str
    """``user``: counts against the ticket's retries; ``infra``: against those that lost workers have."""


class HistoryView(View):
    """``intact``: whether the seals fit."""

    ticket_id: str
    intact: bool
    entries: tuple[HistoryEntry, ...]
    attempts: tuple[AttemptView, ...]


class Validated(View):
    """What C1 found of a plan that was not stored."""

    tickets: int
    levels: int
    ready: tuple[str, ...]
    critical_path: tuple[str, ...]
    critical_ms: int

    @classmethod
    def of(cls, *, levels: dict[str, int], path: tuple[str, ...], critical_ms: int) -> Self:
        ready = tuple(name for name, level in levels.items() if level == 0)
        return cls(
            tickets=len(levels),
            levels=max(levels.values()) + 1,
            ready=ready[:100],
            critical_path=path,
            critical_ms=critical_ms,
        )


class FlowStatus(View):
    """Plans that ended in the last ``hours``, as the database has them."""

    hours: float
    total_processed: int
    success_rate: float | None
    average_latency_ms: float | None
    p95_latency_ms: float | None
    active_executions: int
