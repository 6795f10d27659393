"""Machines of the LAN: who has joined, how they are, and what is wanted of them."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import Field

from backend.deeds import recorded
from backend.machines.seeing import nodes_told_apart, seen
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.core.wire import StrictModel, View
from cluster_ai.nodes.records import Machine
from cluster_ai.nodes.types import Label, NodeName
from cluster_ai.nodes.views import MachineView, Serving

router = APIRouter(route_class=PolicedRoute, tags=["machines"])

ThisMachine = Annotated[NodeName, Path()]
Labels = Annotated[tuple[Label, ...], Field(max_length=64, strict=False)]


class MachineList(View):
    items: tuple[MachineView, ...]


class MachineChanges(StrictModel):
    """What is to be different; what is left out stays."""

    cordoned: bool | None = None
    """Gets no new work."""
    draining: bool | None = None
    """Gets no new work, and what runs there is moved or awaited."""
    labels: Labels | None = None


@router.get(f"{API}/machines")
async def machines(plane: ThePlane, _caller: TheCaller) -> MachineList:
    """Every machine that has joined, as it was last heard."""
    return MachineList(items=tuple(seen(plane, known) for known in plane.rooms.members.fleet.all()))


@router.get(f"{API}/serving")
async def serving(plane: ThePlane, _caller: TheCaller) -> Serving:
    """Machines that serve models, for gateways: where each is reached, and whether it may get work."""
    return plane.rooms.members.fleet.serving()


@router.get(f"{API}/machines/{{name}}")
async def machine(name: ThisMachine, plane: ThePlane, _caller: TheCaller) -> MachineView:
    """One machine."""
    with nodes_told_apart(plane, name):
        return seen(plane, plane.rooms.members.fleet.named(name))


@router.patch(f"{API}/machines/{{name}}")
async def change(name: ThisMachine, changes: MachineChanges, plane: ThePlane, caller: TheCaller) -> MachineView:
    """Cordons, drains, labels, and takes any of it back."""
    fleet = plane.rooms.members.fleet
    values = changes.model_dump(exclude_none=True, exclude_unset=True)

    def changed(known: Machine) -> Machine:
        return replace(known, **values)

    subject = f"{name}: {', '.join(f'{key}={value}' for key, value in values.items())}"
    async with recorded(plane, caller, action="change_machine", subject=subject):
        with nodes_told_apart(plane, name):
            return seen(plane, await fleet.change(name, changed))


@router.delete(f"{API}/machines/{{name}}")
async def remove(name: ThisMachine, plane: ThePlane, caller: TheCaller) -> MachineView:
    """Takes a machine out of the cluster: from now on its certificate opens nothing."""
    members = plane.rooms.members
    with nodes_told_apart(plane, name):
        view = members.fleet.view(members.fleet.named(name))
    async with recorded(plane, caller, action="remove_machine", subject=name):
        await members.fleet.remove(name)
        await members.publish_revoked()
    return view
