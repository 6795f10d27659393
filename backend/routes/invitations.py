"""Lines by which machines may join: made, listed, taken back."""

import io
from typing import Annotated

import segno
from fastapi import APIRouter, Path
from pydantic import Field

from backend.deeds import recorded
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.core.wire import StrictModel, View
from cluster_ai.nodes.errors import StaysAlone
from cluster_ai.nodes.lines import Line
from cluster_ai.nodes.types import Label, LineId
from cluster_ai.nodes.views import InvitationView, MadeInvitation

router = APIRouter(route_class=PolicedRoute, tags=["machines"])

ThisInvitation = Annotated[LineId, Path()]
Labels = Annotated[tuple[Label, ...], Field(max_length=64, strict=False)]


class Invitations(View):
    items: tuple[InvitationView, ...]


class NewInvitation(StrictModel):
    """``minutes``: life of the line, the setting's when not given; ``labels``: of the machine that joins by it."""

    minutes: float | None = Field(default=None, gt=0, le=10_080)
    labels: Labels = ()


@router.get(f"{API}/invitations")
async def invitations(plane: ThePlane, _caller: TheCaller) -> Invitations:
    """Join lines, the newest first, without their secrets; those that ended, too."""
    return Invitations(items=await plane.rooms.members.invitations.all())


@router.post(f"{API}/invitations", status_code=201)
async def invite(wanted: NewInvitation, plane: ThePlane, caller: TheCaller) -> MadeInvitation:
    """A line by which one machine may join; it is told this once."""
    members = plane.rooms.members
    async with recorded(plane, caller, action="invite_machine", subject=" ".join(wanted.labels)):
        if not members.config.heads:
            raise StaysAlone(
                "this head listens on this machine alone: no other could join",
                hint="set machines.bind to this box's address in the LAN: cluster-ai node open",
            )
        minutes = wanted.minutes or members.config.settings.token_minutes
        made, token = await members.invitations.invite(
            by=caller.principal.name, seconds=minutes * 60, labels=wanted.labels
        )
    heads = tuple(head.removeprefix("https://") for head in members.config.heads)
    line = Line(heads, members.authority.fingerprint, token).text
    command = f"./install_unified.sh worker --join '{line}'"
    return MadeInvitation(invitation=made, line=line, command=command, qr=_qr(line))


@router.delete(f"{API}/invitations/{{invitation}}")
async def revoke(invitation: ThisInvitation, plane: ThePlane, caller: TheCaller) -> InvitationView:
    """Nobody joins by this line any more."""
    async with recorded(plane, caller, action="revoke_invitation", subject=invitation):
        return await plane.rooms.members.invitations.revoke(invitation)


def _qr(line: str) -> str:
    drawn = io.BytesIO()
    # With its namespace: without one a browser does not take it for a picture.
    segno.make(line, error="m").save(drawn, kind="svg", scale=4, border=4, xmldecl=False, svgns=True)
    return drawn.getvalue().decode("ascii")
