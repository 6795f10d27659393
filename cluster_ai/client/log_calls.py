"""Calls of the API about what the parts have logged. Pure."""

from cluster_ai.client.calls import API, Call
from cluster_ai.logs.types import LogCounts, LogPage

TAIL = f"{API}/logs/tail"


def search(query: str, *, limit: int, before: int | None = None) -> Call[LogPage]:
    """Lines that meet ``query``, the newest first."""
    asked = {"q": query, "limit": str(limit)} | ({} if before is None else {"before": str(before)})
    return Call("GET", f"{API}/logs", LogPage.model_validate_json, query=asked, seconds=30.0)


def counts(query: str, *, minutes: int) -> Call[LogCounts]:
    """How many of the last minutes, per minute."""
    asked = {"q": query, "minutes": str(minutes)}
    return Call("GET", f"{API}/logs/counts", LogCounts.model_validate_json, query=asked, seconds=30.0)
