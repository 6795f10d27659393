"""Calls of the API about the gateway's decisions and its request log. Pure."""

from collections.abc import Mapping
from urllib.parse import quote

from cluster_ai.client.calls import API, Call
from cluster_ai.gateway.types import DecisionView
from cluster_ai.gateway.watching.logged import DecisionsView, RequestPage, RequestView


def decisions(limit: int) -> Call[DecisionsView]:
    """The last ones, newest first."""
    query = {"limit": str(limit)}
    return Call("GET", f"{API}/gateway/decisions", DecisionsView.model_validate_json, query=query)


def decision(request_id: str) -> Call[DecisionView]:
    return Call("GET", f"{API}/gateway/decisions/{quote(request_id, safe='')}", DecisionView.model_validate_json)


def requests(filters: Mapping[str, str], *, limit: int) -> Call[RequestPage]:
    """The newest calls. ``filters``: ``model``, ``node``, ``outcome``, ``key``."""
    query = {**filters, "limit": str(limit)}
    return Call("GET", f"{API}/gateway/requests", RequestPage.model_validate_json, query=query)


def request(request_id: str) -> Call[RequestView]:
    return Call("GET", f"{API}/gateway/requests/{quote(request_id, safe='')}", RequestView.model_validate_json)
