"""What happened in the cluster, as it was written down."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.core.wire import INT64_MAX, Text, View
from cluster_ai.eventlog.types import EventFilter, KeptEvent

router = APIRouter(route_class=PolicedRoute, tags=["live"])

LATEST = 1e11
"""Unix seconds, some thousand years from now."""

Moment = Annotated[float | None, Field(ge=0, le=LATEST, allow_inf_nan=False)]


class EventQuery(BaseModel):
    """Which events are asked for. Times are Unix seconds."""

    # Not strict: a query is all text.
    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Annotated[Text, StringConstraints(max_length=64)] = ""
    subject: Annotated[Text, StringConstraints(max_length=200)] = ""
    """Any part of it."""
    since: Moment = None
    until: Moment = None
    before: Annotated[int, Field(ge=1, le=INT64_MAX)] = INT64_MAX
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class EventPage(View):
    """Newest first. The page behind it: ``before`` the last one's number."""

    items: tuple[KeptEvent, ...]


@router.get(f"{API}/event-log")
async def event_log(asked: Annotated[EventQuery, Query()], plane: ThePlane, _caller: TheCaller) -> EventPage:
    """What nodes, parts, workers and models did, newest first: of the last 90 days, 100,000 at most.

    Written by the head that leads, within a second or two.
    """
    wanted = EventFilter.model_validate(asked.model_dump())
    return EventPage(items=await plane.rooms.events.page(wanted, before=asked.before, limit=asked.limit))
