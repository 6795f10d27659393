"""What a terminal of this head has refused on its own: a machine that showed another host key than it had."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import Field

from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.accounts.audit import Deed
from cluster_ai.core.wire import StrictModel, Text

router = APIRouter(route_class=PolicedRoute, tags=["machines"])

Fingerprint = Annotated[Text, Field(max_length=128)]


class RefusedHostKey(StrictModel):
    """``target`` as user@host:port; both fingerprints as OpenSSH writes them."""

    target: Annotated[Text, Field(min_length=1, max_length=300)]
    expected: Fingerprint
    shown: Fingerprint


@router.post(f"{API}/host-keys/refusals", status_code=204)
async def refused(refusal: RefusedHostKey, plane: ThePlane, caller: TheCaller) -> None:
    """Puts it into the audit log: somebody may stand between this head and that machine."""
    deed = Deed(
        actor=caller.principal.name,
        action="host_key_refused",
        subject=f"{refusal.target}: {refusal.shown} instead of {refusal.expected}",
        outcome="host_key_changed",
        address=caller.address,
    )
    await plane.accounts.audit.record(deed)
