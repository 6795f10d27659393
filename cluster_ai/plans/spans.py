"""Attempts as spans: made when one is over, below the request that brought its plan."""

from collections.abc import Mapping
from typing import Any, Final

from cluster_ai.core.db import Database
from cluster_ai.core.tracing import Past, begin
from cluster_ai.plans.preparing import TRACE
from cluster_ai.plans.records import Attempt, Plan
from cluster_ai.plans.tables import histories, plans

NAME: Final = "ticket.attempt"
ENDINGS: Final = frozenset(
    f"ticket.{word}"
    for word in ("completed", "failed", "retrying", "dead_lettered", "cancelled", "compensated", "returned")
)
"""Events with which an attempt may have ended; a ticket that nobody had ends with some of them, too."""
_WELL: Final = ("succeeded", "cancelled", "returned")


async def attempt_of(database: Database, ticket_id: str, data: Mapping[str, Any], at: float) -> Past | None:
    """The attempt that ended with an event of its ticket; None when none did.

    Args:
        database: where attempts are kept.
        ticket_id: the event's subject.
        data: what the event says of the ticket.
        at: when it happened, Unix seconds.
    """
    number = int(data.get("attempt", 0))
    if not number:
        return None
    async with database.read() as connection:
        attempt = await histories.attempt(connection, ticket_id, number)
        if attempt is None or attempt.ended_at != at:
            # The event is of something that happened to its ticket later.
            return None
        plan = await plans.plan(connection, str(data["plan_id"]))
    return _past(attempt, data, plan, at)


def _past(attempt: Attempt, data: Mapping[str, Any], plan: Plan | None, at: float) -> Past:
    parent = str(plan.spec.get(TRACE, "")) if plan is not None else ""
    said: dict[str, str | int] = {
        "cluster_ai.plan": str(data["plan_id"]),
        "cluster_ai.ticket": attempt.ticket_id,
        "cluster_ai.attempt": attempt.n,
        "cluster_ai.kind": "COMPENSATE" if attempt.undoes else str(data.get("task_type", "")),
        "cluster_ai.worker": attempt.agent_id,
        "cluster_ai.outcome": attempt.outcome,
    }
    if attempt.error_code:
        said["cluster_ai.error_code"] = attempt.error_code
    error = "" if attempt.outcome in _WELL else attempt.error_code or attempt.outcome
    return Past(NAME, attempt.leased_at, at, begin(parent), parent, "consumer", said, error)
