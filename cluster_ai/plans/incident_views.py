"""What is told of incidents. Pure: clients know these."""

from cluster_ai.core.wire import View


class IncidentView(View):
    """``count``: how often it was seen while it was open. ``closed_at`` is None while it is."""

    incident_id: str
    kind: str
    subject: str
    """A ticket's id, or what is missing."""
    detail: str
    plan_id: str
    count: int
    repair: str
    opened_at: float
    seen_at: float
    closed_at: float | None = None


class IncidentPage(View):
    """``next``: the cursor of the page that follows; empty at the end."""

    items: tuple[IncidentView, ...]
    next: str = ""
