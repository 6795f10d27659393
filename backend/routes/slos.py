"""Objectives: what is promised, from whatever text, and as rules for a Prometheus."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Path, Query
from pydantic import Field
from starlette.responses import Response

from backend.deeds import recorded
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.core.wire import Name, StrictModel, Text, View
from cluster_ai.slo.asking import Tried
from cluster_ai.slo.objectives import Imported
from cluster_ai.slo.tables import Page
from cluster_ai.slo.types import Label, NewObjective, Objective, ObjectiveView, SloId, SloType, etag

router = APIRouter(route_class=PolicedRoute, tags=["slo"])

ThisSlo = Annotated[SloId, Path()]
IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=64)]
YAML = "text/plain"
"""Several documents: as text, for people and for files."""
_TEXT: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {YAML: {"schema": {"type": "string"}}}, "description": "YAML"}
}


class SloList(View):
    """``next`` is the ``cursor`` of the page that follows; None on the last."""

    items: tuple[ObjectiveView, ...]
    next: str | None = None


class Filters(StrictModel):
    """``cursor``: the id after which the page begins."""

    service_name: Label = ""
    layer: Label = ""
    slo_type: Annotated[SloType | None, Field(strict=False)] = None
    enabled: Annotated[bool | None, Field(strict=False)] = None
    limit: Annotated[int, Field(strict=False, ge=1, le=500)] = 100
    cursor: Annotated[str, Field(max_length=63)] = ""


class YamlText(StrictModel):
    """Documents, as text."""

    yaml: Annotated[Text, Field(min_length=1, max_length=512 * 1024)]


class AlertRules(YamlText):
    """``service`` of objectives whose rule has no label of that name."""

    service: Name = "gateway"


@router.get(f"{API}/slos")
async def slos(filters: Annotated[Filters, Query()], plane: ThePlane, _caller: TheCaller) -> SloList:
    """Objectives, by id."""
    chosen = {"service_name": filters.service_name or None, "layer": filters.layer or None, "enabled": filters.enabled}
    kind = filters.slo_type.value if filters.slo_type else None
    page = Page(filters.limit, filters.cursor)
    items = await plane.slo.room.desk.objectives.all(page, slo_type=kind, **chosen)
    return SloList(items=items, next=items[-1].slo_id if len(items) == filters.limit else None)


@router.post(f"{API}/slos", status_code=201)
async def create(wanted: NewObjective, plane: ThePlane, caller: TheCaller) -> ObjectiveView:
    """A new objective; it is counted from the next evaluation on."""
    async with recorded(plane, caller, action="create_slo", subject=wanted.slo_id or wanted.name):
        made = await plane.slo.room.desk.objectives.create(wanted)
    await plane.slo.room.evaluate()
    return made


# Paths of one word before those with an id: an id would swallow them.


@router.get(f"{API}/slos/export", response_class=Response, responses=_TEXT)
async def export(plane: ThePlane, _caller: TheCaller, slo_id: Annotated[str, Query(max_length=63)] = "") -> Response:
    """All objectives and freeze policies, or one objective, as OpenSLO documents."""
    return Response(await plane.slo.room.desk.importing.exported(slo_id), media_type=YAML)


@router.get(f"{API}/slos/rules", response_class=Response, responses=_TEXT)
async def all_rules(plane: ThePlane, _caller: TheCaller) -> Response:
    """Recording and alerting rules of all objectives, for a Prometheus."""
    return Response(await plane.slo.room.desk.importing.rules(), media_type=YAML)


@router.post(f"{API}/slos/import/openslo", status_code=201)
async def import_openslo(wanted: YamlText, plane: ThePlane, caller: TheCaller) -> Imported:
    """Objectives and freeze policies from OpenSLO documents; all of them or none."""
    async with recorded(plane, caller, action="import_slos", subject="openslo"):
        made = await plane.slo.room.desk.importing.openslo(wanted.yaml)
    await plane.slo.room.evaluate()
    return made


@router.post(f"{API}/slos/import/alerts", status_code=201)
async def import_alerts(wanted: AlertRules, plane: ThePlane, caller: TheCaller) -> Imported:
    """Objectives made of a file of Prometheus' alert rules, as far as they can be read as such."""
    async with recorded(plane, caller, action="import_slos", subject="alert rules"):
        made = await plane.slo.room.desk.importing.alerts(wanted.yaml, service=wanted.service)
    await plane.slo.room.evaluate()
    return made


@router.get(f"{API}/slos/{{slo_id}}")
async def slo(slo_id: ThisSlo, plane: ThePlane, _caller: TheCaller, response: Response) -> ObjectiveView:
    """One of them."""
    found = await plane.slo.room.desk.objectives.get(slo_id)
    response.headers["ETag"] = etag(found)
    return found


@router.put(f"{API}/slos/{{slo_id}}")
async def change(
    slo_id: ThisSlo,
    wanted: Objective,
    plane: ThePlane,
    caller: TheCaller,
    response: Response,
    *,
    if_match: IfMatch = None,
) -> ObjectiveView:
    """Puts another definition in its place; with If-Match only if it is as the caller saw it.

    What was counted stays, unless other events count from now on.
    """
    async with recorded(plane, caller, action="change_slo", subject=slo_id):
        made = await plane.slo.room.desk.objectives.change(slo_id, wanted, seen=(if_match or "").strip())
    response.headers["ETag"] = etag(made)
    await plane.slo.room.evaluate()
    return made


@router.delete(f"{API}/slos/{{slo_id}}", status_code=204)
async def remove(slo_id: ThisSlo, plane: ThePlane, caller: TheCaller) -> None:
    """Forgets it, and all that was counted for it."""
    async with recorded(plane, caller, action="delete_slo", subject=slo_id):
        await plane.slo.room.desk.objectives.remove(slo_id)
    await plane.slo.room.evaluate()


@router.post(f"{API}/slos/{{slo_id}}/test")
async def test(slo_id: ThisSlo, plane: ThePlane, _caller: TheCaller) -> Tried:
    """What its query finds in the last hour."""
    return await plane.slo.room.budgets.tried(slo_id)


@router.get(f"{API}/slos/{{slo_id}}/rules", response_class=Response, responses=_TEXT)
async def rules(slo_id: ThisSlo, plane: ThePlane, _caller: TheCaller) -> Response:
    """Its recording and alerting rules, for a Prometheus."""
    return Response(await plane.slo.room.desk.importing.rules(slo_id), media_type=YAML)
