"""Seals: a ticket's hash over what was asked for, and the chain over what happened to it. Pure; SHA-256."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from cluster_ai.core.wire import dump_json
from cluster_ai.plans.records import Entry, Ticket
from cluster_ai.plans.types import ChainBroken

_ASKED: Final = (
    "ticket_id", "plan_id", "owner", "intent_id", "decision_id", "correlation_id", "trace_id", "span_id", "task_id",
    "task_type", "description", "priority", "risk_band", "security_level", "sla_timeout_ms", "sla_max_retries",
    "qos_delivery_mode", "qos_consistency", "qos_durability", "template_id", "parameters", "required_capabilities",
    "resources", "webhook_url", "estimated_duration_ms", "compensation", "metadata", "preemptible", "idempotency_key",
    "schema_version", "created_at",
)  # fmt: skip
"""What never changes after a ticket was accepted, in the order in which it is sealed."""
_SINCE: Final = ((2, "idempotent"),)
"""(version of the schema, what came with it): tickets that were sealed without it stay as they are."""
LONGEST_ACTOR: Final = 128


@dataclass(frozen=True, slots=True)
class Said:
    """What happened to a ticket, before it is sealed."""

    type: str
    actor: str
    from_state: str
    to_state: str
    data: dict[str, Any]
    at: float


def digest(value: Any) -> str:
    """Of a value as compact JSON."""
    return hashlib.sha256(dump_json(value)).hexdigest()


def of_ticket(ticket: Ticket) -> str:
    """Of everything that was asked for."""
    since = [name for version, name in _SINCE if ticket.schema_version >= version]
    return digest([getattr(ticket, name) for name in (*_ASKED, *since)])


def of_plan(tickets: Iterable[Ticket]) -> str:
    """Of its tickets' hashes, in their order."""
    return digest([ticket.hash for ticket in tickets])


def sealed(said: Said, *, ticket_id: str, seq: int, previous: str) -> Entry:
    """The next link of the ticket's chain."""
    said = replace(said, actor=said.actor[:LONGEST_ACTOR]) if len(said.actor) > LONGEST_ACTOR else said
    return Entry(
        ticket_id=ticket_id,
        seq=seq,
        at=said.at,
        type=said.type,
        actor=said.actor,
        from_state=said.from_state,
        to_state=said.to_state,
        data=said.data,
        prev_hash=previous,
        hash=_seal(said, ticket_id, seq, previous),
    )


def check(ticket: Ticket, entries: Iterable[Entry]) -> None:
    """Whether nothing was changed, removed, moved or put between.

    Raises:
        ChainBroken: names the first link that does not fit, or says that the end is missing.
    """
    if of_ticket(ticket) != ticket.hash:
        raise ChainBroken(f"what was asked of ticket {ticket.ticket_id} was changed", hint=_HINT)
    seq, previous = 0, ticket.hash
    for entry in entries:
        seq += 1
        is_next = (entry.ticket_id, entry.seq, entry.prev_hash) == (ticket.ticket_id, seq, previous)
        # The rest of it is in its seal.
        if not is_next or entry.hash != _seal(entry, ticket.ticket_id, seq, previous):
            raise ChainBroken(f"the history of ticket {ticket.ticket_id} was changed at entry {seq}", hint=_HINT)
        previous = entry.hash
    if (seq, previous) != (ticket.chain_seq, ticket.chain_head):
        raise ChainBroken(f"the history of ticket {ticket.ticket_id} ends too early", hint=_HINT)


def _seal(said: Said | Entry, ticket_id: str, seq: int, previous: str) -> str:
    moved = [said.at, said.type, said.actor, said.from_state, said.to_state, said.data]
    return digest([ticket_id, seq, *moved, previous])


_HINT: Final = "compare it with a backup"
