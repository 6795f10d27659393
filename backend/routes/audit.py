"""Who did what."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response, StreamingResponse

from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.accounts.types import AuditBroken, AuditEntry, AuditFilter
from cluster_ai.core.wire import INT64_MAX, Text, View

router = APIRouter(route_class=PolicedRoute, tags=["audit"])

NDJSON = "application/x-ndjson"
TRUST_SECONDS = 60.0
"""Who turns pages does not have all of a long log read anew with each."""
LATEST = 1e11
"""Unix seconds, some thousand years from now."""

Word = Annotated[Text, StringConstraints(max_length=256)]
Moment = Annotated[float | None, Field(ge=0, le=LATEST, allow_inf_nan=False)]


class AuditQuery(BaseModel):
    """Which entries are asked for. Times are Unix seconds."""

    # Not strict: a query is all text.
    model_config = ConfigDict(frozen=True, extra="forbid")

    actor: Word = ""
    action: Word = ""
    subject: Word = ""
    """Any part of it."""
    since: Moment = None
    until: Moment = None
    before: Annotated[int, Field(ge=1, le=INT64_MAX)] = INT64_MAX
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class AuditPage(View):
    """Newest first. ``broken`` names the first entry that was tampered with; empty when the chain holds."""

    items: tuple[AuditEntry, ...]
    broken: str = ""


@router.get(f"{API}/audit")
async def audit(asked: Annotated[AuditQuery, Query()], plane: ThePlane, _caller: TheCaller) -> AuditPage:
    """A page of the audit log, and whether all of it is whole (as seen within the last minute)."""
    wanted = AuditFilter.model_validate(asked.model_dump())
    items = await plane.accounts.audit.page(wanted, before=asked.before, limit=asked.limit)
    try:
        await plane.accounts.audit.verify(trust_seconds=TRUST_SECONDS)
    except AuditBroken as exc:
        return AuditPage(items=items, broken=exc.message)
    return AuditPage(items=items)


@router.get(
    f"{API}/audit/export",
    response_class=Response,
    responses={200: {"content": {NDJSON: {"schema": {"type": "string"}}}, "description": "An entry a line."}},
)
async def export(plane: ThePlane, _caller: TheCaller) -> Response:
    """The whole chain, oldest first, and in a last line the number and hash that it ends with."""
    name = {"Content-Disposition": 'attachment; filename="audit.ndjson"'}
    return StreamingResponse(plane.accounts.audit.exported(), media_type=NDJSON, headers=name)
