"""Which ticket goes first. Pure; every part lies between 0 and 1.

score = 0.4 risk + 0.3 priority + 0.3 urgency + ageing, where urgency = 1 - slack / span (slack: what is left until the
deadline beyond the expected duration; span: from creation to deadline) and ageing grows to 0.5 over 30 minutes of
waiting. A fresh ticket of the highest rank has 0.7 and a late one of the lowest 0.975: nothing waits for ever.
"""

from typing import Final

from cluster_ai.plans.records import Ticket
from cluster_ai.plans.words import Priority, RiskBand

RISK: Final = {RiskBand.CRITICAL: 1.0, RiskBand.HIGH: 0.75, RiskBand.MEDIUM: 0.5, RiskBand.LOW: 0.25}
PRIORITY: Final = {Priority.CRITICAL: 1.0, Priority.HIGH: 0.75, Priority.NORMAL: 0.5, Priority.LOW: 0.25}
AGEING_SECONDS: Final = 1800.0
MOST_AGEING: Final = 0.5
MOST: Final = 1.5


def rank(risk: RiskBand, priority: Priority) -> float:
    """The part that time does not change: 0.175 to 0.7."""
    return 0.4 * RISK[risk] + 0.3 * PRIORITY[priority]


def urgency(*, slack: float, span: float) -> float:
    """0 when all of the time is left, 1 when none is. Seconds."""
    if span <= 0:
        return 1.0
    return min(1.0, max(0.0, 1.0 - slack / span))


def ageing(waited: float) -> float:
    """0 to 0.5, by seconds of waiting."""
    return min(MOST_AGEING, max(0.0, waited) / AGEING_SECONDS * MOST_AGEING)


def score(ticket: Ticket, now: float, *, expected: float | None = None) -> float:
    """Of a ticket that is ready. ``expected``: seconds that it will take, when somebody knows better than it says."""
    takes = expected if expected is not None else (ticket.estimated_duration_ms or 0) / 1000
    slack = ticket.sla_deadline - now - takes
    waited = now - (ticket.ready_at if ticket.ready_at is not None else now)
    urgent = urgency(slack=slack, span=ticket.sla_deadline - ticket.created_at)
    return ticket.priority_score + 0.3 * urgent + ageing(waited)
