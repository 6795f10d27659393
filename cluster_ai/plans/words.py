"""The vocabulary of plans and tickets. Pure."""

from enum import StrEnum
from typing import Final


class TicketState(StrEnum):
    """Where a ticket stands."""

    PENDING = "pending"
    """Its plan has not begun."""
    WAITING = "waiting"
    """For tickets that it depends on."""
    READY = "ready"
    LEASED = "leased"
    """Given to a worker that has not begun."""
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Trying again would not help, or could do harm."""
    RETRYING = "retrying"
    """Waits for its next attempt."""
    CANCELLING = "cancelling"
    """Its worker was asked to stop."""
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    """Something it depends on did not succeed."""
    COMPENSATING = "compensating"
    """What it did is being undone."""
    COMPENSATED = "compensated"
    DEAD = "dead"
    """Every attempt was used up; somebody must look at it."""
    FROZEN = "frozen"
    """Held: a freeze, a quota or a person forbids it for now."""

    @property
    def ended(self) -> bool:
        """Whether nothing happens to it any more by itself."""
        return self in ENDED


_S = TicketState
ENDED: Final = frozenset({_S.SUCCEEDED, _S.FAILED, _S.CANCELLED, _S.SKIPPED, _S.COMPENSATED, _S.DEAD})
OPEN: Final = tuple(state for state in TicketState if state not in ENDED)
LIVE: Final = frozenset({_S.LEASED, _S.RUNNING, _S.CANCELLING})
"""Some worker may be at it."""
LOST_CAUSE: Final = frozenset({_S.FAILED, _S.DEAD})


class PlanState(StrEnum):
    """Where a plan stands."""

    SUBMITTED = "submitted"
    """Accepted; nothing of it has begun."""
    RUNNING = "running"
    CANCELLING = "cancelling"
    COMPENSATING = "compensating"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    COMPENSATED = "compensated"

    @property
    def ended(self) -> bool:
        return self in PLAN_ENDED


PLAN_ENDED: Final = frozenset({PlanState.SUCCEEDED, PlanState.FAILED, PlanState.CANCELLED, PlanState.COMPENSATED})


class TaskType(StrEnum):
    """Kinds of work."""

    BUILD = "BUILD"
    DEPLOY = "DEPLOY"
    TEST = "TEST"
    VALIDATE = "VALIDATE"
    EXECUTE = "EXECUTE"
    COMPENSATE = "COMPENSATE"
    """Of attempts that undo; nobody submits one."""
    INFER = "INFER"
    PULL = "PULL"
    MAP = "MAP"


class Priority(StrEnum):
    LOW = "LOW"
    NORMAL = "NORMAL"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class RiskBand(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class SecurityLevel(StrEnum):
    PUBLIC = "PUBLIC"
    INTERNAL = "INTERNAL"
    CONFIDENTIAL = "CONFIDENTIAL"
    RESTRICTED = "RESTRICTED"


class DeliveryMode(StrEnum):
    """What may happen when a worker is lost: never twice, at least once, or twice with one effect."""

    AT_MOST_ONCE = "AT_MOST_ONCE"
    AT_LEAST_ONCE = "AT_LEAST_ONCE"
    EXACTLY_ONCE = "EXACTLY_ONCE"


class Consistency(StrEnum):
    EVENTUAL = "EVENTUAL"
    STRONG = "STRONG"


class Durability(StrEnum):
    TRANSIENT = "TRANSIENT"
    PERSISTENT = "PERSISTENT"


class FailurePolicy(StrEnum):
    """What a plan does when a ticket of it fails for good."""

    FAIL_FAST = "FAIL_FAST"
    CONTINUE = "CONTINUE"
    COMPENSATE = "COMPENSATE"
