"""Rows of tickets as dispatching looks at them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cluster_ai.compute.scaling import node_of
from cluster_ai.core.consent import Outlook
from cluster_ai.core.db import Database
from cluster_ai.executors.catalogue import tickets_read_by
from cluster_ai.plans import consenting
from cluster_ai.plans.asked import Asked
from cluster_ai.plans.tables import plans, turns
from cluster_ai.plans.words import DeliveryMode, TaskType, TicketState

GATEWAY_KINDS: Final = frozenset({TaskType.INFER, TaskType.MAP})
ALONE: Final = frozenset({TaskType.TEST})
"""What may wait for a pipeline elsewhere."""
PATIENT_MS: Final = 30_000
"""A ticket with less time than this goes alone: its time runs from the start of its batch, in which it may wait."""
APPROVAL: Final = "approval"
"""Word of a ticket's metadata: ``required`` holds it until somebody lets it go, ``rejected`` fails it."""
LIMITS: Final = frozenset({"slot", "memory", "disk", "network"})
"""Words of a ticket's resources that bound the attempt, and ask nothing of its worker."""
MOST_HELD: Final = 500
"""Tickets that are looked at at once for whether a freeze forbids them."""
MOST_READ: Final = 4096
"""Tickets of which is remembered what they read."""
NOWHERE: Final[frozenset[str]] = frozenset()
NAMES: Final = {"gpu": "GPU"}
"""As workers call it."""


class Turns:
    """Reads; changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reads: dict[str, frozenset[str]] = {}
        """By ticket: those whose artefacts it reads, which never changes."""

    async def flights(self) -> tuple[turns.Flight, ...]:
        """Attempts that hold a lease."""
        async with self._database.read() as connection:
            return await turns.flights(connection)

    async def waiting(self, each: int) -> tuple[tuple[Asked, ...], bool]:
        """What could go, as far as rules and turns must know it; and whether there is more."""
        async with self._database.read() as connection:
            rows = await turns.waiting(connection, each)
            ends = await turns.ends_of(connection, {row.plan_id for row in rows})
            held = [row.ticket_id for row in rows if (row.metadata or {}).get(APPROVAL) == "required"]
            approved = await turns.approved(connection, held) if held else frozenset()
            losers = [row.ticket_id for row in rows if row.losses]
            lost = await turns.lost_with(connection, losers) if losers else {}
            near = await self._near(connection, [row.ticket_id for row in rows if row.level])
        known = _Known(ends, approved, lost, near)
        found = tuple(_asked(row, known) for row in rows)
        return found, len(found) >= each

    async def to_hold(self, outlook: Outlook) -> tuple[str, ...]:
        """Tickets that could go, and may not by that outlook."""
        async with self._database.read() as connection:
            rows = await turns.of_kinds(connection, consenting.ACTIONS, MOST_HELD)
        deeds = (
            (row, consenting.deed_of(row.ticket_id, row.task_type, row.metadata or {}, row.status)) for row in rows
        )
        return tuple(row.ticket_id for row, deed in deeds if deed is not None and outlook.why(deed))

    async def paused_kinds(self) -> frozenset[str]:
        """Kinds of work that nobody gets now."""
        async with self._database.read() as connection:
            return frozenset(await plans.paused(connection))

    async def spent(self, since: float) -> Mapping[str, float]:
        """By owner: seconds of work that ended since then."""
        async with self._database.read() as connection:
            return await turns.spent(connection, since)

    async def _near(self, connection: Any, ticket_ids: Sequence[str]) -> dict[str, frozenset[str]]:
        """By ticket that reads what others left: the nodes where that lies."""
        if unread := [one for one in ticket_ids if one not in self._reads]:
            asked = await turns.parameters_of(connection, unread)
            self._reads |= {one: frozenset(tickets_read_by(parameters)) for one, parameters in asked.items()}
        reads = {one: found for one in ticket_ids if (found := self._reads.get(one))}
        workers = await turns.workers_of(connection, set().union(*reads.values())) if reads else {}
        if len(self._reads) > MOST_READ:
            self._reads = {one: self._reads[one] for one in ticket_ids if one in self._reads}
        return {one: frozenset(node_of(workers[other]) for other in found if other in workers)
                for one, found in reads.items()}  # fmt: skip


def needs(resources: Mapping[str, float]) -> dict[str, float]:
    """What of a ticket's resources its worker must have, as workers call it."""
    return {NAMES.get(name, name): amount for name, amount in resources.items() if name not in LIMITS}


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known beside a ticket's row: ends by plan, and by ticket who was let go, lost with it, and near it."""

    ends: Mapping[str, float]
    approved: frozenset[str]
    lost: Mapping[str, frozenset[str]]
    near: Mapping[str, frozenset[str]]


def _asked(row: Any, known: _Known) -> Asked:
    wish = (row.metadata or {}).get(APPROVAL, "")
    is_open = wish == "required" and row.ticket_id not in known.approved
    return Asked(
        id=row.ticket_id,
        owner=row.owner,
        kind=row.task_type,
        plan_id=row.plan_id,
        since=row.ready_at if row.ready_at is not None else row.created_at,
        rank=row.priority_score,
        deadline=row.sla_deadline,
        sla=row.sla_deadline - row.created_at,
        end=known.ends.get(row.plan_id),
        seconds=None if row.estimated_duration_ms is None else row.estimated_duration_ms / 1000,
        capabilities=frozenset(row.required_capabilities),
        resources=needs(row.resources),
        needs_gateway=row.task_type in GATEWAY_KINDS,
        approval="pending" if is_open else wish if wish == "rejected" else "",
        deed=consenting.deed_of(row.ticket_id, row.task_type, row.metadata or {}, row.status),
        near=known.near.get(row.ticket_id, NOWHERE),
        avoid=known.lost.get(row.ticket_id, NOWHERE),
        redoable=_redoable(row),
    )


def _redoable(row: Any) -> bool:
    is_patient = row.sla_timeout_ms >= PATIENT_MS
    can_be_done_again = row.idempotent and row.qos_delivery_mode != DeliveryMode.AT_MOST_ONCE
    # What undoes something goes alone, and what was lost before: it may be what ends its workers.
    is_other = row.losses or row.task_type in ALONE
    return bool(can_be_done_again and is_patient and row.status == TicketState.READY and not is_other)
