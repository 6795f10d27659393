"""Calls about webhooks. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from cluster_ai.client.calls import API, Call, Listing, nothing, segment
from cluster_ai.notify.types import Answer, DeliveryView, EndpointView, MadeEndpoint, Redelivered

HOOKS: Final = f"{API}/webhooks"
TEST_SECONDS: Final = 30.0
"""An attempt takes ten at most; mail may wait for its turn."""


def webhooks() -> Call[tuple[EndpointView, ...]]:
    return Call("GET", HOOKS, lambda body: Listing[EndpointView].model_validate_json(body).items)


def add_webhook(fields: Mapping[str, Any]) -> Call[MadeEndpoint]:
    """``fields`` are those of ``NewEndpoint``."""
    return Call("POST", HOOKS, MadeEndpoint.model_validate_json, body=fields, seconds=20.0)


def change_webhook(webhook: str, fields: Mapping[str, Any]) -> Call[EndpointView]:
    """``fields`` are those of ``EndpointChanges``; what is left out stays."""
    return Call("PATCH", f"{HOOKS}/{segment(webhook)}", EndpointView.model_validate_json, body=fields)


def remove_webhook(webhook: str) -> Call[None]:
    return Call("DELETE", f"{HOOKS}/{segment(webhook)}", nothing)


def deliveries(webhook: str, *, state: str = "", limit: int = 50) -> Call[tuple[DeliveryView, ...]]:
    """The newest first."""
    query = {"limit": str(limit)} | ({"state": state} if state else {})
    read = lambda body: Listing[DeliveryView].model_validate_json(body).items  # noqa: E731
    return Call("GET", f"{HOOKS}/{segment(webhook)}/deliveries", read, query=query)


def redeliver(webhook: str, delivery: str | None) -> Call[Redelivered]:
    """That delivery, or every dead one when None."""
    body = {"delivery": delivery} if delivery else {}
    return Call("POST", f"{HOOKS}/{segment(webhook)}/redeliver", Redelivered.model_validate_json, body=body)


def try_webhook(webhook: str) -> Call[Answer]:
    return Call(
        "POST", f"{HOOKS}/{segment(webhook)}/test", Answer.model_validate_json, body={}, seconds=TEST_SECONDS
    )  # fmt: skip
