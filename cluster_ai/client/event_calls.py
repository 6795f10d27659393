"""Calls about what happened. Pure."""

from collections.abc import Mapping

from cluster_ai.client.calls import API, Call
from cluster_ai.core.wire import View
from cluster_ai.eventlog.types import KeptEvent


class EventPage(View):
    """Newest first."""

    items: tuple[KeptEvent, ...]


def kept(wanted: Mapping[str, str], *, limit: int) -> Call[EventPage]:
    """``wanted``: kind, subject, since, until; as the API takes them."""
    return Call("GET", f"{API}/event-log", EventPage.model_validate_json, query={**wanted, "limit": str(limit)})
