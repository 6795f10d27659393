"""Rows of the notify room as the code handles them. Pure. Times are Unix seconds."""

from dataclasses import dataclass

from cluster_ai.notify.types import DeliveryState, EndpointKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """``sealed``: its secret, as it is stored; empty when it has none. ``why_disabled`` is empty while enabled.

    One without events was made for tickets that name addresses there: ``url`` is their origin.
    """

    id: str
    name: str = ""
    kind: EndpointKind
    url: str
    sealed: str = ""
    events: tuple[str, ...]
    why_disabled: str = ""
    failing_since: float | None = None
    created_at: float

    @property
    def enabled(self) -> bool:
        return not self.why_disabled

    @property
    def is_for_tickets(self) -> bool:
        return not self.events


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """``body``: the event as JSON; ``url``: where to, empty for the endpoint's own.

    ``next_at``: when it is due; for one that is being sent, when it is due again; None when it has ended.
    """

    id: str
    endpoint_id: str
    event_id: str
    event_type: str
    subject: str
    body: str
    url: str = ""
    state: DeliveryState = DeliveryState.QUEUED
    attempts: int = 0
    next_at: float | None
    status: int | None = None
    ms: int = 0
    excerpt: str = ""
    error: str = ""
    created_at: float
    changed_at: float
