"""Calls about API keys and what they used. Pure."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from cluster_ai.client.calls import API, Call, Listing
from cluster_ai.keys.types import KeyView, MadeKey, UsageBy, UsageRow


def keys() -> Call[tuple[KeyView, ...]]:
    return Call("GET", f"{API}/keys", lambda body: Listing[KeyView].model_validate_json(body).items)


def create_key(fields: Mapping[str, Any]) -> Call[MadeKey]:
    """``fields`` are those of ``NewKey``."""
    return Call("POST", f"{API}/keys", MadeKey.model_validate_json, body=fields)


def change_key(key_id: str, fields: Mapping[str, Any]) -> Call[KeyView]:
    """``fields`` are those of ``KeyChanges``; what is left out stays."""
    return Call("PATCH", f"{API}/keys/{quote(key_id, safe='')}", KeyView.model_validate_json, body=fields)


def revoke_key(key_id: str) -> Call[KeyView]:
    return Call("DELETE", f"{API}/keys/{quote(key_id, safe='')}", KeyView.model_validate_json)


def usage(by: UsageBy, *, first: str = "", last: str = "", key: str = "") -> Call[tuple[UsageRow, ...]]:
    """Days as ``YYYY-MM-DD`` of UTC, both with; empty: from the beginning, until today."""
    query = {name: value for name, value in (("by", by), ("from", first), ("to", last), ("key", key)) if value}
    return Call("GET", f"{API}/usage", lambda body: Listing[UsageRow].model_validate_json(body).items, query=query)
