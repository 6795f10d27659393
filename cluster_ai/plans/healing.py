"""What is wrong with how tickets get done, from what a dispatcher's tick saw. Pure.

Conditions that last (no worker, no scheduler, an attempt that nobody begins) are found again with every look, and are
over when they are not. What happened to one ticket (lost with a worker, beyond its limits) is over when it ends.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cluster_ai.plans.dispatcher import Picture
from cluster_ai.plans.words import TicketState

NO_WORKER, AWAY, STUCK, RUNAWAY, LOST, BUS_DOWN, INTEGRITY = (
    "no_worker",
    "scheduler_away",
    "stuck",
    "runaway",
    "lost",
    "bus_down",
    "integrity",
)
KINDS: Final = (RUNAWAY, STUCK, LOST, NO_WORKER, AWAY, BUS_DOWN, INTEGRITY)
OF_TICKETS: Final = frozenset({RUNAWAY, LOST})
"""Over when their ticket ends."""
WAIT_SECONDS: Final = 30.0
"""A machine that restarts, or one that is switched on for the work, is no incident."""
AWAY_SECONDS: Final = 10.0
BEGIN_SECONDS: Final = 20.0
"""An attempt that is held by its worker, and not begun for so long, has a worker that does nothing."""
OVER_LIMITS: Final = frozenset({"start_to_close_timeout", "timed_out", "memory_exceeded"})
LOSSES: Final = frozenset(
    {
        "heartbeat_timeout",
        "lease_expired",
        "worker_lost",
        "worker_gone",
        "never_carried",
        "never_begun",
        "child_lost",
        "worker_stopped",
        "worker_disk",
        "no_child",
        "lost_after_start",
        "workers_lost",
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong now. ``repair``: what is done about it."""

    kind: str
    subject: str
    detail: str
    plan_id: str = ""
    repair: str = ""


@dataclass(frozen=True, slots=True)
class Past:
    """Since when conditions hold, Unix seconds: by reason, and of the scheduler's absence."""

    waits: Mapping[str, float] = field(default_factory=dict)
    away: float | None = None


def lasting(picture: Picture, past: Past) -> tuple[list[Finding], Past]:
    """Conditions that have held for long enough to be told, and what to remember."""
    now = picture.at
    reasons = Counter(wait.reason for wait in picture.waits.values() if wait.code == NO_WORKER)
    away = None if not picture.away else past.away if past.away is not None else now
    waits = {reason: past.waits.get(reason, now) for reason in reasons}
    if picture.away:
        # Nobody was asked for a worker: what was known stays so.
        waits = dict(past.waits)
    found = [
        Finding(NO_WORKER, reason[:128], f"{reasons[reason]} tickets wait", repair="they go when a worker comes")
        for reason, since in waits.items()
        if now - since > WAIT_SECONDS
    ]
    if away is not None and now - away > AWAY_SECONDS:
        found.append(Finding(AWAY, "scheduler", picture.away, repair="nothing is leased until it answers"))
    found += [_stuck(one.ticket_id, one.plan_id, one.worker) for one in never_begun(picture)]
    return found, Past(waits, away)


def never_begun(picture: Picture) -> list[Any]:
    """Attempts that their workers hold and do not begin."""
    return [
        one
        for one in picture.flying
        if not one.begun and not picture.away and picture.at - one.updated_at > BEGIN_SECONDS
    ]


def _stuck(ticket_id: str, plan_id: str, worker: str) -> Finding:
    return Finding(STUCK, ticket_id, f"{worker} has not begun it", plan_id, "given to another worker")


def of_event(kind: str, subject: str, data: Mapping[str, Any]) -> Finding | None:
    """What an event of a ticket tells of trouble with it; None: nothing."""
    code = str(data.get("error_code", ""))
    plan_id = str(data.get("plan_id", ""))
    if kind not in {"ticket.retrying", "ticket.failed", "ticket.dead_lettered"}:
        return None
    repair = "another attempt" if kind == "ticket.retrying" else "none: somebody must look"
    if code in OVER_LIMITS:
        return Finding(RUNAWAY, subject, f"ended beyond its limits: {code}", plan_id, repair)
    if code in LOSSES:
        return Finding(LOST, subject, f"an attempt was lost: {code}", plan_id, repair)
    return None


def is_over(data: Mapping[str, Any]) -> bool:
    """Whether the ticket of an event has ended: what was wrong with it is history."""
    try:
        return TicketState(str(data.get("status", ""))).ended
    except ValueError:
        return False
