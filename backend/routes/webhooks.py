"""Webhooks: who is told what happened, what they were told, and what others tell us."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.requests import Request

from backend.deeds import recorded
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.core.wire import JSON_TYPE, View
from cluster_ai.notify.types import (
    Answer,
    DeliveryState,
    DeliveryView,
    EndpointChanges,
    EndpointView,
    MadeEndpoint,
    NewEndpoint,
    Outcome,
    Received,
    Redelivered,
    Redelivery,
)

router = APIRouter(route_class=PolicedRoute, tags=["webhooks"])

Id = r"^[A-Za-z0-9-]{1,36}$"
ThisWebhook = Annotated[str, Path(pattern=Id)]
SIGNED = {
    "requestBody": {
        "required": True,
        "content": {
            JSON_TYPE: {
                "schema": {
                    **Outcome.model_json_schema(),
                    "additionalProperties": True,
                    "description": "Beside these `id` and `timestamp` (Unix seconds) where the body alone is signed.",
                }
            }
        },
    }
}
"""The route reads the very bytes that were signed; this is what they mean."""


class Webhooks(View):
    items: tuple[EndpointView, ...]


class Deliveries(View):
    """``next``: the id to ask for with ``before``; empty on the last page."""

    items: tuple[DeliveryView, ...]
    next: str = ""


@router.get(f"{API}/webhooks")
async def webhooks(plane: ThePlane, _caller: TheCaller) -> Webhooks:
    """Every endpoint, the oldest first; never their secrets."""
    return Webhooks(items=await plane.notify.webhooks.all())


@router.post(f"{API}/webhooks", status_code=201)
async def add(wanted: NewEndpoint, plane: ThePlane, caller: TheCaller) -> MadeEndpoint:
    """A new endpoint. Its secret is in this answer and nowhere else."""
    async with recorded(plane, caller, action="add_webhook", subject=wanted.name or wanted.kind):
        return await plane.notify.webhooks.add(wanted)


@router.post(f"{API}/webhooks/pipeline-completed", openapi_extra=SIGNED)
async def pipeline_completed(request: Request, plane: ThePlane) -> Received:
    """A pipeline elsewhere says how it ended; the ticket that waits for it is completed, or fails.

    Signed with the secret in `secrets/pipeline-webhook.secret`, in either family of headers. What is told twice counts
    once.
    """
    return await plane.notify.inbound.pipeline_completed(dict(request.headers), await request.body())


@router.get(f"{API}/webhooks/{{webhook}}")
async def webhook(webhook: ThisWebhook, plane: ThePlane, _caller: TheCaller) -> EndpointView:
    """One endpoint."""
    return await plane.notify.webhooks.get(webhook)


@router.patch(f"{API}/webhooks/{{webhook}}")
async def change(webhook: ThisWebhook, changes: EndpointChanges, plane: ThePlane, caller: TheCaller) -> EndpointView:
    """Another name or other events; disables it, or enables it again. Fields that are left out stay."""
    async with recorded(plane, caller, action="change_webhook", subject=webhook):
        return await plane.notify.webhooks.change(webhook, changes)


@router.delete(f"{API}/webhooks/{{webhook}}", status_code=204)
async def remove(webhook: ThisWebhook, plane: ThePlane, caller: TheCaller) -> None:
    """Forgets an endpoint and its deliveries."""
    async with recorded(plane, caller, action="remove_webhook", subject=webhook):
        await plane.notify.webhooks.remove(webhook)


@router.get(f"{API}/webhooks/{{webhook}}/deliveries")
async def deliveries(
    webhook: ThisWebhook,
    plane: ThePlane,
    _caller: TheCaller,
    *,
    state: DeliveryState | None = None,
    before: Annotated[str, Query(max_length=36, pattern=r"^[A-Za-z0-9-]*$")] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Deliveries:
    """What it was told, the newest first: how often, with which answer, and when it is tried next."""
    items = await plane.notify.webhooks.deliveries(webhook, state=state, before=before, most=limit)
    return Deliveries(items=items, next=items[-1].id if len(items) == limit else "")


@router.post(f"{API}/webhooks/{{webhook}}/redeliver")
async def redeliver(webhook: ThisWebhook, wanted: Redelivery, plane: ThePlane, caller: TheCaller) -> Redelivered:
    """Queues one delivery again, or every dead one."""
    async with recorded(plane, caller, action="redeliver", subject=webhook):
        return Redelivered(count=await plane.notify.webhooks.redeliver(webhook, wanted.delivery))


@router.post(f"{API}/webhooks/{{webhook}}/test")
async def test(webhook: ThisWebhook, plane: ThePlane, caller: TheCaller) -> Answer:
    """Sends one event of the type `webhook.test` now, and answers how that went."""
    async with recorded(plane, caller, action="test_webhook", subject=webhook):
        return await plane.notify.webhooks.test(webhook)
