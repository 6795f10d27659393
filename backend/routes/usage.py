"""What was used, by whom, of which model, on which node, on which day."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import StringConstraints

from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from backend.routes.keys import narrowed
from cluster_ai.core.wire import Name, View
from cluster_ai.keys.records import Span
from cluster_ai.keys.types import UsageBy, UsageRow

router = APIRouter(route_class=PolicedRoute, tags=["keys"])


# Compared as texts, as they are stored: a day that is in no calendar has no usage.
Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class Usage(View):
    """By day in order, else the most used first. Days are UTC."""

    by: UsageBy
    items: tuple[UsageRow, ...]


@router.get(f"{API}/usage")
async def usage(
    plane: ThePlane,
    caller: TheCaller,
    *,
    by: UsageBy = "model",
    first: Annotated[Day, Query(alias="from")] = "0001-01-01",
    last: Annotated[Day, Query(alias="to")] = "9999-12-31",
    key: Annotated[Name | None, Query()] = None,
) -> Usage:
    """Requests and tokens from one day to another, both with; of the caller's keys, or of all for an administrator."""
    span = Span(first, last, narrowed(caller), key)
    return Usage(by=by, items=await plane.rooms.keys.usage(by, span=span))
