"""Alerts that an Alertmanager brings, and its silences."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Path, Request

from backend.deeds import recorded
from backend.errors import MalformedBody
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.core.errors import Unauthenticated
from cluster_ai.core.wire import Name, View
from cluster_ai.slo.alerts import VERSION, NewSilence, Notification, SilenceView

router = APIRouter(route_class=PolicedRoute, tags=["slo"])

ThisSilence = Annotated[Name, Path()]


class Received(View):
    """How many of the alerts were new."""

    received: int


class SilenceList(View):
    items: tuple[SilenceView, ...]


@router.post("/webhooks/alertmanager", status_code=202)
async def alertmanager(notification: Notification, request: Request, plane: ThePlane) -> Received:
    """Takes what an Alertmanager posts (version 4); stored when this is answered, looked at later."""
    check_token(request.headers.get("authorization", ""), plane.slo.token)
    if notification.version != VERSION:
        raise MalformedBody(f"only version {VERSION} of webhooks is known here", path="version")
    return Received(received=await plane.slo.room.alerts.receive(notification))


def check_token(shown: str, known: str) -> None:
    """Lets an Alertmanager in that shows our token.

    Raises:
        Unauthenticated: it does not.
    """
    scheme, _, token = shown.partition(" ")
    good = hmac.compare_digest(token.strip().encode(), known.encode())
    if not known or scheme.casefold() != "bearer" or not good:
        raise Unauthenticated(
            "this is not the token of the Alertmanager", hint="secrets/alertmanager.token in the data directory"
        )


@router.get(f"{API}/silences")
async def silences(plane: ThePlane, _caller: TheCaller) -> SilenceList:
    """Which alerts are quiet, as the Alertmanager has it."""
    return SilenceList(items=await plane.slo.room.alerts.silences())


@router.post(f"{API}/silences", status_code=201)
async def silence(wanted: NewSilence, plane: ThePlane, caller: TheCaller) -> SilenceView:
    """Makes alerts quiet for some minutes."""
    subject = ", ".join(f"{one.name}={one.value}" for one in wanted.matchers)[:200]
    async with recorded(plane, caller, action="create_silence", subject=subject):
        return await plane.slo.room.alerts.silence(wanted, by=caller.principal.name)


@router.delete(f"{API}/silences/{{silence_id}}", status_code=204)
async def expire(silence_id: ThisSilence, plane: ThePlane, caller: TheCaller) -> None:
    """Ends one."""
    async with recorded(plane, caller, action="expire_silence", subject=silence_id):
        await plane.slo.room.alerts.expire(silence_id)
