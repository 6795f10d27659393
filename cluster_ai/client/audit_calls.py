"""Calls about the audit log. Pure."""

from collections.abc import Mapping

from cluster_ai.client.calls import API, Call, nothing
from cluster_ai.core.wire import Count, View


class AuditEntry(View):
    """Something that somebody did. ``at`` in Unix seconds."""

    number: Count
    at: float
    actor: str
    action: str
    subject: str
    outcome: str
    address: str
    hash: str


class AuditPage(View):
    """Newest first. ``broken`` is empty when the chain holds."""

    items: tuple[AuditEntry, ...]
    broken: str = ""


def entries(wanted: Mapping[str, str], *, limit: int) -> Call[AuditPage]:
    """``wanted``: actor, action, subject, since, until; as the API takes them."""
    asked = {**wanted, "limit": str(limit)}
    # All of the chain is checked before the answer.
    return Call("GET", f"{API}/audit", AuditPage.model_validate_json, query=asked, seconds=120.0)


def export() -> Call[None]:
    """Answered line by line."""
    return Call("GET", f"{API}/audit/export", nothing, seconds=120.0)
