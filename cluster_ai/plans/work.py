"""One unit of work on one plan: moves of its tickets, sealed, counted and told together or not at all."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from cluster_ai.core.events import Event as Happened
from cluster_ai.core.outbox import Unit
from cluster_ai.plans import hashing, machine
from cluster_ai.plans.given import Given
from cluster_ai.plans.records import Entry, Plan, Ticket, but
from cluster_ai.plans.tables import histories, rows
from cluster_ai.plans.words import LOST_CAUSE, TicketState

S = TicketState
_LEFT_OUT = frozenset({S.CANCELLED, S.SKIPPED})


class Work:
    """Made inside a transaction that holds the plan (a lease holds its ticket only); ``store`` writes all of it."""

    def __init__(self, unit: Unit, given: Given, *, plan: Plan, actor: str, now: float) -> None:
        self.unit = unit
        self.given = given
        self.plan = plan
        self.actor = actor
        self.now = now
        self._came = plan
        self._tickets: dict[str, Ticket] = {}
        self._stored: dict[str, Ticket] = {}
        """What is to be stored, as it is in the table."""
        self._entries: list[Entry] = []
        self.feeds: dict[str, list[str]] | None = None
        """By ticket of the plan: what depends on it; None before somebody asked. No unit of work changes it."""

    def move(self, ticket: Ticket, event: machine.Event, **data: Any) -> Ticket:
        """The ticket after ``event``.

        Raises:
            IllegalTransition: that cannot happen to it as it stands.
        """
        before = self._tickets.get(ticket.ticket_id, ticket)
        after = machine.apply(before, event, self.now)
        self.plan = counted(self.plan, before.status, after.status)
        return self._note(before, after, machine.said(after, event), data)

    def keep(self, ticket: Ticket, changed: Ticket) -> None:
        """Stores a change that is nobody's business: when it is to be looked at again."""
        self._put(ticket, changed)

    def standing(self, ticket: Ticket) -> Ticket:
        """As it stands after what was done to it here."""
        return self._tickets.get(ticket.ticket_id, ticket)

    def has_ended(self, ticket_id: str) -> bool:
        """Whether it is known here that nothing more happens to it."""
        found = self._tickets.get(ticket_id)
        return found is not None and found.status.ended

    def say(self, kind: str, **data: Any) -> None:
        """Tells something of the plan."""
        known = {"name": self.plan.name, "owner": self.plan.owner, "status": self.plan.status.value}
        known["correlation_id"] = self.plan.correlation_id
        self.unit.say(Happened(self.given.new_id(), f"plan.{kind}", self.plan.plan_id, known | data, self.now))

    async def store(self) -> None:
        """May be called again after more moves."""
        connection = self.unit.connection
        changed = [(before, self._tickets[ticket_id]) for ticket_id, before in self._stored.items()]
        await rows.store_tickets(connection, changed)
        await histories.add_entries(connection, self._entries)
        self._stored, self._entries = {}, []
        if self.plan != self._came:
            self.plan = replace(self.plan, revision=self.plan.revision + 1, updated_at=self.now)
            await rows.store_plan(connection, self.plan)
            self._came = self.plan

    # -- inside

    def _put(self, before: Ticket, after: Ticket) -> None:
        self._stored.setdefault(after.ticket_id, before)
        self._tickets[after.ticket_id] = after

    def _note(self, before: Ticket, after: Ticket, kind: str, data: dict[str, Any]) -> Ticket:
        entry = hashing.sealed(
            hashing.Said(kind, self.actor, before.status.value, after.status.value, told(after) | data, self.now),
            ticket_id=after.ticket_id,
            seq=before.chain_seq + 1,
            previous=before.chain_head,
        )
        after = but(after, chain_seq=entry.seq, chain_head=entry.hash)
        self._put(before, after)
        self._entries.append(entry)
        self.unit.say(event_of(self.given.new_id(), after, kind, self.now))
        return after


def told(ticket: Ticket) -> dict[str, Any]:
    """What the history says of a move, beside the states."""
    found: dict[str, Any] = {"attempt": ticket.attempt} if ticket.attempt else {}
    if ticket.allocated_agent_id and not ticket.status.ended:
        found["agent"] = ticket.allocated_agent_id
    if ticket.error_code and ticket.status is not S.SUCCEEDED:
        found |= {"code": ticket.error_code, "error": ticket.error_message}
    if ticket.status is S.SUCCEEDED:
        found |= {"result_sha256": ticket.result_sha256, "result_bytes": ticket.result_bytes}
    return found


def event_of(event_id: str, ticket: Ticket, kind: str, now: float) -> Happened:
    """What others are told of a ticket: who it is, and how it stands. Never its parameters or its result."""
    data = {
        "plan_id": ticket.plan_id,
        "task_id": ticket.task_id,
        "task_type": ticket.task_type,
        "owner": ticket.owner,
        "status": ticket.status.value,
        "attempt": ticket.attempt,
        "seq": ticket.chain_seq,
        "correlation_id": ticket.correlation_id,
    }
    if ticket.actual_duration_ms is not None:
        data["actual_duration_ms"] = ticket.actual_duration_ms
    known = {"error_code": ticket.error_code, "webhook_url": ticket.webhook_url, "agent_id": ticket.allocated_agent_id}
    return Happened(
        event_id, f"ticket.{kind}", ticket.ticket_id, data | {name: text for name, text in known.items() if text}, now
    )


def counted(plan: Plan, before: TicketState, after: TicketState) -> Plan:
    """The plan's counters after one of its tickets went from one state to another."""
    if before is after:
        return plan
    changes = {
        "open_tickets": before.ended - after.ended,
        "succeeded": (after is S.SUCCEEDED) - (before is S.SUCCEEDED),
        "failed": (after in LOST_CAUSE) - (before in LOST_CAUSE),
        "cancelled": (after in _LEFT_OUT) - (before in _LEFT_OUT),
    }
    moved = {name: getattr(plan, name) + by for name, by in changes.items() if by}
    return replace(plan, **moved) if moved else plan


def counters(states: Iterable[TicketState]) -> dict[str, Any]:
    """A plan's counters from its tickets' states."""
    known = list(states)
    return {
        "tickets": len(known),
        "open_tickets": sum(not state.ended for state in known),
        "succeeded": sum(state is S.SUCCEEDED for state in known),
        "failed": sum(state in LOST_CAUSE for state in known),
        "cancelled": sum(state in _LEFT_OUT for state in known),
    }
