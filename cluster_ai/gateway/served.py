"""What became of one call: told once, when it is over, to whoever counts, logs or learns. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from cluster_ai.core.values import value
from cluster_ai.keys.types import Priority


class Outcome(StrEnum):
    DONE = "done"
    """The whole answer was given; also one that is the client's own mistake (4xx)."""
    CANCELLED = "cancelled"
    """The client left."""
    REFUSED = "refused"
    """No place in the queue, no node, unknown model, over a limit."""
    BROKEN = "broken"
    """The answer ended before its end."""


@value
class Attempt:
    """One try at one node. ``began`` and ``ended`` in seconds since the call came in.

    ``reason`` says why it gave no answer, or why the answer broke off; empty for one that went well.
    """

    node: str
    began: float
    ended: float
    reason: str = ""


@dataclass(slots=True)
class Served:
    """Times in seconds. Fields that never came to be are None or zero."""

    request_id: str
    key_id: str
    caller: str
    model: str
    """As it was asked for; ``answered_by`` is what the node calls it."""
    path: str
    stream: bool
    priority: Priority
    at: float
    """Unix seconds when the call came in."""
    outcome: Outcome = Outcome.REFUSED
    status: int = 0
    """What the client was told."""
    code: str = ""
    """The error's stable code; empty when there was none."""
    node: str = ""
    answered_by: str = ""
    why: str = ""
    attempts: int = 0
    tried: dict[str, str] = field(default_factory=dict)
    """Nodes that gave no answer, with the reason."""
    resumed: int = 0
    queue_seconds: float = 0.0
    load_seconds: float = 0.0
    ttft_seconds: float | None = None
    """From the request's arrival to the first byte of the answer."""
    total_seconds: float = 0.0
    prompt_tokens: int = 0
    output_tokens: int = 0
    gaps: list[float] = field(default_factory=list)
    """Between tokens, at most the first 64."""
    traceparent: str = ""
    """The caller's trace context, as it came."""
    passed_context: str = ""
    """The one that nodes were given, from ``tracing.child_context``; this call's span is the one it names."""
    timeline: list[Attempt] = field(default_factory=list)
    """Every try, in order; may be left empty by who does not measure them."""


Observer = Callable[[Served], None]
"""Told of every call when it is over; quick, and never fails."""
