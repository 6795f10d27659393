"""Models over the whole cluster: found in the catalogue, judged, and brought to nodes."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from backend.deeds import recorded
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.catalog.entries import Lang, Problem
from cluster_ai.catalog.fit import LONGEST, SHORTEST, FitView
from cluster_ai.catalog.search import EntryView, Sort, search
from cluster_ai.catalog.search import Query as Wanted
from cluster_ai.catalog.types import NewPull, OnNodes, PullView
from cluster_ai.core.wire import ModelName, StrictModel, View

router = APIRouter(route_class=PolicedRoute, tags=["catalog"])

ThisModel = Annotated[ModelName, Path()]
ThisPull = Annotated[str, Path(pattern=r"^[0-9a-f-]{1,36}$")]
Context = Annotated[int, Query(ge=SHORTEST, le=LONGEST)]


class CatalogueView(View):
    """What was found. ``categories`` by key, in the reader's language; ``problems`` are of people's own files."""

    items: tuple[EntryView, ...]
    categories: dict[str, str]
    problems: tuple[Problem, ...] = ()


class Fits(View):
    """The verdict for each node."""

    items: dict[str, FitView]


class PullList(View):
    items: tuple[PullView, ...]


class CancelPull(OnNodes):
    purge: bool = False
    """Nodes remove what came so far."""


# -- the catalogue


class Filters(StrictModel):
    """``fits``: only sizes that fit a node, which are named; context in tokens."""

    words: Annotated[str, Field(max_length=200)] = ""
    category: Annotated[str, Field(max_length=32)] = ""
    capability: Annotated[str, Field(max_length=32)] = ""
    language: Annotated[str, Field(max_length=8)] = ""
    fits: Annotated[bool, Field(strict=False)] = False
    context: Annotated[int, Field(strict=False, ge=SHORTEST, le=LONGEST)] = 8192
    sort: Sort = "best"
    lang: Lang = "en"


@router.get(f"{API}/catalog")
async def catalogue(filters: Annotated[Filters, Query()], plane: ThePlane, _caller: TheCaller) -> CatalogueView:
    """Well-known open models, and those of people's own files."""
    known = await plane.catalog.shelves.catalogue()
    places = plane.catalog.given.nodes.places()
    held: dict[str, tuple[str, ...]] = {}
    for place in places:
        for name, _ in place.models:
            held[name] = (*held.get(name, ()), place.name)
    rooms = (
        {place.name: place.room for place in places if place.up and place.room is not None} if filters.fits else None
    )
    fields = filters.model_dump(exclude={"fits"})
    found = search(known, Wanted(rooms=rooms if filters.fits else None, **fields), held=held)
    names = {key: known.category(key, filters.lang) for key in sorted(known.categories)}
    return CatalogueView(items=found, categories=names, problems=known.problems)


@router.get(f"{API}/catalog/{{model:path}}/fit")
async def fit(model: ThisModel, plane: ThePlane, _caller: TheCaller, context: Context = 8192) -> Fits:
    """Where the model would run, and with how long a context, before a byte of it is fetched."""
    return Fits(items=await plane.catalog.pulls.fits(model, context=context))


# -- pulls


@router.get(f"{API}/pulls")
async def pulls(plane: ThePlane, _caller: TheCaller) -> PullList:
    """Models on their way to nodes, and those that came; the newest first."""
    return PullList(items=await plane.catalog.pulls.all())


@router.get(f"{API}/pulls/{{pull_id}}")
async def pull(pull_id: ThisPull, plane: ThePlane, _caller: TheCaller) -> PullView:
    """One of them."""
    return await plane.catalog.pulls.get(pull_id)


@router.post(f"{API}/pulls", status_code=201)
async def begin(wanted: NewPull, plane: ThePlane, caller: TheCaller) -> PullView:
    """Begins to bring a model to nodes; it goes on whoever leaves."""
    async with recorded(plane, caller, action="begin_pull", subject=wanted.model):
        return await plane.catalog.pulls.create(wanted, by=caller.principal.name)


@router.post(f"{API}/pulls/{{pull_id}}/pause")
async def pause(pull_id: ThisPull, plane: ThePlane, caller: TheCaller, wanted: OnNodes | None = None) -> PullView:
    """Stops it; what came so far is kept."""
    async with recorded(plane, caller, action="pause_pull", subject=pull_id):
        return await plane.catalog.pulls.pause(pull_id, _nodes(wanted))


@router.post(f"{API}/pulls/{{pull_id}}/resume")
async def resume(pull_id: ThisPull, plane: ThePlane, caller: TheCaller, wanted: OnNodes | None = None) -> PullView:
    """Goes on with what was paused, failed or cancelled, from where it was."""
    async with recorded(plane, caller, action="resume_pull", subject=pull_id):
        return await plane.catalog.pulls.resume(pull_id, _nodes(wanted))


@router.post(f"{API}/pulls/{{pull_id}}/cancel")
async def cancel(pull_id: ThisPull, plane: ThePlane, caller: TheCaller, wanted: CancelPull | None = None) -> PullView:
    """Ends it for good."""
    purge = wanted is not None and wanted.purge
    async with recorded(plane, caller, action="cancel_pull", subject=pull_id):
        return await plane.catalog.pulls.cancel(pull_id, _nodes(wanted), purge=purge)


@router.delete(f"{API}/pulls/{{pull_id}}", status_code=204)
async def forget(pull_id: ThisPull, plane: ThePlane, caller: TheCaller) -> None:
    """Forgets one that has ended."""
    async with recorded(plane, caller, action="forget_pull", subject=pull_id):
        await plane.catalog.pulls.remove(pull_id)


def _nodes(wanted: OnNodes | None) -> tuple[str, ...]:
    return wanted.nodes if wanted else ()
