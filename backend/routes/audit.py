"""Who did what."""

from typing import Annotated

from fastapi import APIRouter, Query

from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.accounts.types import AuditBroken, AuditEntry
from cluster_ai.core.wire import INT64_MAX, View

router = APIRouter(route_class=PolicedRoute, tags=["audit"])


class AuditPage(View):
    """Newest first. ``broken`` names the first entry that was tampered with; empty when the chain holds."""

    items: tuple[AuditEntry, ...]
    broken: str = ""


@router.get(f"{API}/audit")
async def audit(
    plane: ThePlane,
    _caller: TheCaller,
    before: Annotated[int, Query(ge=1, le=INT64_MAX)] = INT64_MAX,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> AuditPage:
    """A page of the audit log, and whether all of it is whole."""
    items = await plane.accounts.audit.page(before=before, limit=limit)
    try:
        await plane.accounts.audit.verify()
    except AuditBroken as exc:
        return AuditPage(items=items, broken=exc.message)
    return AuditPage(items=items)
