"""Plans and tickets as the room keeps them: frozen rows. Pure. Times are Unix seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from cluster_ai.executors.contract import Reported, Result
from cluster_ai.plans.types import SCHEMA_VERSION
from cluster_ai.plans.words import PlanState, TicketState


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The counters are of its tickets: ``open_tickets`` have not ended, ``cancelled`` counts the skipped, too."""

    plan_id: str
    owner: str
    name: str
    spec: Mapping[str, Any] = field(default_factory=dict)
    hash: str = ""
    status: PlanState = PlanState.SUBMITTED
    failure_policy: str = "FAIL_FAST"
    deadline: float | None = None
    steps: Mapping[str, float] = field(default_factory=dict)
    tickets: int = 0
    open_tickets: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    paused: bool = False
    error_code: str = ""
    error_message: str = ""
    idempotency_key: str | None = None
    body_hash: str = ""
    replay_of: str | None = None
    correlation_id: str = ""
    trace_id: str = ""
    revision: int = 1
    created_at: float = 0.0
    updated_at: float = 0.0
    started_at: float | None = None
    finished_at: float | None = None


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """First what was asked for, which never changes; then how it stands. No slots: see ``ticket_of``."""

    ticket_id: str
    plan_id: str
    ordinal: int = 0
    """Its place in an order in which nothing comes before what it depends on."""
    level: int = 0
    owner: str = ""
    intent_id: str = ""
    decision_id: str = ""
    correlation_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    task_id: str = ""
    task_type: str = "EXECUTE"
    description: str = ""
    priority: str = "NORMAL"
    risk_band: str = "medium"
    security_level: str = "INTERNAL"
    priority_score: float = 0.0
    """Of risk and priority; what time adds is reckoned when it is asked for."""
    sla_deadline: float = 0.0
    sla_timeout_ms: int = 300_000
    sla_max_retries: int = 3
    start_within_ms: int | None = None
    non_retryable: tuple[str, ...] = ()
    qos_delivery_mode: str = "AT_LEAST_ONCE"
    qos_consistency: str = "STRONG"
    qos_durability: str = "PERSISTENT"
    template_id: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    required_capabilities: tuple[str, ...] = ()
    resources: Mapping[str, float] = field(default_factory=dict)
    webhook_url: str = ""
    estimated_duration_ms: int | None = None
    compensation: Mapping[str, Any] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    preemptible: bool = False
    idempotent: bool = True
    undoable: bool = False
    """Whether there is something that undoes it: its executor, or a compensation of its own."""
    idempotency_key: str = ""
    schema_version: int = SCHEMA_VERSION
    hash: str = ""

    status: TicketState = TicketState.WAITING
    pending_deps: int = 0
    allocated_agent_id: str = ""
    attempt: int = 0
    """Number of the last attempt; grows by one with each lease, for ever."""
    retry_count: int = 0
    losses: int = 0
    """Attempts that infrastructure lost; they have a budget of their own."""
    lease_token: str | None = None
    """What the attempt's reports must carry. None: nobody has a lease."""
    lease_until: float | None = None
    begun: bool = False
    """Whether the attempt has started: then it may have had effects."""
    begun_at: float | None = None
    not_before: float | None = None
    due_at: float | None = None
    """When somebody must look at it at the latest."""
    queued: int | None = None
    """1 when it may be leased."""
    parked: bool = False
    """Its plan or kind is paused."""
    ready_at: float | None = None
    held_from: str | None = None
    cancel_requested: bool = False
    cancel_by: float | None = None
    progress: float = 0.0
    note: str = ""
    error_code: str = ""
    error_message: str = ""
    actual_duration_ms: int | None = None
    result: Any = None
    result_uri: str = ""
    result_sha256: str = ""
    result_bytes: int = 0
    artefacts: tuple[Mapping[str, Any], ...] = ()
    chain_seq: int = 0
    chain_head: str = ""
    created_at: float = 0.0
    updated_at: float = 0.0
    started_at: float | None = None
    completed_at: float | None = None


TICKET: Final = tuple(one.name for one in fields(Ticket))


def ticket_of(values: Mapping[str, Any]) -> Ticket:
    """A ticket whose fields are all there.

    Its own ``__init__`` sets each of more than seventy by itself, and so does ``dataclasses.replace``: that was the
    dearest thing that the API did for a ticket.
    """
    ticket = object.__new__(Ticket)
    vars(ticket).update(values)
    if len(vars(ticket)) != len(TICKET):
        raise TypeError(f"no fields of a ticket, or not all: {sorted(set(values) ^ set(TICKET))}")
    return ticket


def but(ticket: Ticket, **changes: Any) -> Ticket:
    """The same ticket with these fields otherwise."""
    return ticket_of(vars(ticket) | changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at a ticket, or at undoing it."""

    ticket_id: str
    n: int
    agent_id: str
    undoes: bool = False
    token_hash: str = ""
    leased_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    outcome: str = ""
    error_code: str = ""
    error: str = ""
    cost_class: str = "user"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One link of a ticket's history."""

    ticket_id: str
    seq: int
    at: float
    type: str
    actor: str
    from_state: str
    to_state: str
    data: Mapping[str, Any]
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Fence:
    """Which attempt reports. ``token``: the secret of its lease; empty in a token that may only read."""

    ticket_id: str
    attempt: int
    token: str


@dataclass(frozen=True, slots=True)
class Leased:
    """A ticket that a worker may work at. ``token`` is what its reports carry; it is told this once."""

    ticket: Ticket
    attempt: int
    token: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is wanted of a worker that reports. ``token`` takes the place of the one before; the lease ends then.

    ``report``: what the pipeline that it waits for has said.
    """

    cancel: bool
    token: str
    lease_until: float
    report: Reported | None = None


@dataclass(frozen=True, slots=True)
class Allowed:
    """An attempt that asked to begin may, unless its ticket is being cancelled; its lease ends then."""

    ticket: Ticket
    lease_until: float
    report: Reported | None = None

    @property
    def cancel(self) -> bool:
        return self.ticket.status is TicketState.CANCELLING


@dataclass(frozen=True, slots=True)
class End:
    """How an attempt ended, as its worker says. Without a ``result`` nothing of it was done, and it is given back.

    ``is_lost``: it failed by its worker's fault, and not by its own. ``seconds``: that it ran, if its worker said so.
    """

    fence: Fence
    result: Result | None = None
    is_lost: bool = False
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """A report was taken. ``dup``: it was known already."""

    dup: bool = False
    status: TicketState = TicketState.SUCCEEDED
    plan_id: str = ""
    kind: str = ""
