"""Calls about updates of the head's program. Pure."""

from cluster_ai.client.calls import API, Call
from cluster_ai.ops.updates.types import UpdatesView


def updates() -> Call[UpdatesView]:
    """What runs, what could, and how the last update went."""
    return Call("GET", f"{API}/program/updates", UpdatesView.model_validate_json)
