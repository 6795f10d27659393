"""The live registry: instances register, renew and leave; others list, discover and watch them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from backend.deeds import recorded
from backend.policy import API
from backend.registry.callers import claim_of
from backend.registry.watching import DESCRIBED, LONGEST_CURSOR, stream_to
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.core.wire import Name, View
from cluster_ai.registry import types

router = APIRouter(route_class=PolicedRoute, tags=["registry"])

ThisInstance = Annotated[Name, Path()]
Words = Annotated[list[types.Word], Query(max_length=types.MOST_LABELS)]
Plain = Annotated[str, Query(max_length=256, pattern=r"^[^\x00-\x1f]*$")]
Cursor = Annotated[str, Query(max_length=LONGEST_CURSOR, pattern=r"^[A-Za-z0-9.-]*$")]


class Instances(View):
    items: tuple[types.Instance, ...]


@router.get(f"{API}/registry/instances")
async def instances(
    plane: ThePlane,
    _caller: TheCaller,
    *,
    kind: Annotated[types.Kind | None, Query()] = None,
    capability: Words = [],  # noqa: B006 - read only, and FastAPI's way to say none
    label: Words = [],  # noqa: B006
    state: Annotated[list[types.State], Query(max_length=3)] = [],  # noqa: B006
    node_id: Plain = "",
    text: Plain = "",
) -> Instances:
    """All that fit: of that kind, with every ``capability``, any ``label``, in any ``state``; by kind, name and id."""
    query = types.Query(
        kind=kind,
        capabilities=frozenset(capability),
        labels=frozenset(label),
        states=frozenset(state),
        node_id=node_id,
        text=text,
    )
    return Instances(items=plane.registry.list(query))


@router.get(f"{API}/registry/instances/{{instance}}")
async def one(instance: ThisInstance, plane: ThePlane, _caller: TheCaller) -> types.Instance:
    """One instance, in whatever state."""
    return plane.registry.get(instance)


@router.get(
    f"{API}/registry/watch",
    response_class=Response,
    responses=DESCRIBED,
)
async def watch(
    request: Request,
    plane: ThePlane,
    _caller: TheCaller,
    kind: Annotated[types.Kind | None, Query()] = None,
    after: Cursor = "",
) -> Response:
    """First ``reset``, all that is there and ``ready``, then changes; after a cursor only what came since, if it can.

    ``reset`` in the middle says that something was lost because it was read too slowly: all of it follows again.
    """
    return stream_to(request, plane, kind=kind, after=after)


@router.post(f"{API}/registry/instances", status_code=201)
async def register(wanted: types.Registration, plane: ThePlane, caller: TheCaller) -> types.Instance:
    """A new instance; or the caller's own of that ``id`` again. It lives as long as it renews its lease."""
    async with recorded(plane, caller, action="register_instance", subject=wanted.id or wanted.name):
        return plane.registry.register(wanted, claim_of(caller))


@router.delete(f"{API}/registry/instances/{{instance}}")
async def deregister(instance: ThisInstance, plane: ThePlane, caller: TheCaller) -> types.Instance:
    """It is no more; as it was."""
    async with recorded(plane, caller, action="end_instance", subject=instance):
        return plane.registry.deregister(instance, claim_of(caller))


@router.post(f"{API}/registry/instances/{{instance}}/marks", status_code=204)
async def mark(instance: ThisInstance, mark: types.Mark, plane: ThePlane, _caller: TheCaller) -> None:
    """How a call to it went: a success is a sign of life too, three failures in a row are doubt."""
    plane.registry.evidence(instance, mark.ok)
