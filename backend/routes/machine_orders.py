"""What a machine is told to do once, and waking it."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import Field

from backend.deeds import recorded
from backend.machines.seeing import nodes_told_apart
from backend.policy import API, check, the_rule
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.core.wire import StrictModel, Text, View
from cluster_ai.nodes.types import NodeName
from cluster_ai.nodes.views import OrderView
from cluster_ai.nodes.wake import own_addresses, wake

router = APIRouter(route_class=PolicedRoute, tags=["machines"])

TAKING_OUT = the_rule("DELETE", f"{API}/machines/{{name}}")
ThisMachine = Annotated[NodeName, Path()]


class OrderList(View):
    items: tuple[OrderView, ...]


class NewOrder(StrictModel):
    verb: Literal["reboot", "restart", "upgrade", "leave"]
    argument: Annotated[Text, Field(max_length=256)] = ""


class Woken(View):
    """Magic packets that were sent; the live picture shows when the machine is there."""

    packets: int


@router.get(f"{API}/machines/{{name}}/orders")
async def orders(name: ThisMachine, plane: ThePlane, _caller: TheCaller) -> OrderList:
    """The last orders of a machine, the newest first, and how each ended."""
    fleet = plane.rooms.members.fleet
    found = await fleet.machines.last_orders(fleet.named(name).machine.id)
    return OrderList(items=tuple(OrderView.model_validate(one, from_attributes=True) for one in found))


@router.post(f"{API}/machines/{{name}}/orders", status_code=202)
async def order(name: ThisMachine, wanted: NewOrder, plane: ThePlane, caller: TheCaller) -> OrderView:
    """Tells the machine to do something once; the answer is the order, which the machine's view shows until it ends.

    Only who may take a machine out may tell it to leave.
    """
    subject = f"{name}: {wanted.argument}" if wanted.argument else name
    async with recorded(plane, caller, action=f"{wanted.verb}_machine", subject=subject):
        if wanted.verb == "leave":
            check(TAKING_OUT, caller.principal)
        with nodes_told_apart(plane, name):
            given = await plane.rooms.members.fleet.order(name, wanted.verb, wanted.argument, by=caller.principal.name)
    return OrderView.model_validate(given, from_attributes=True)


@router.post(f"{API}/machines/{{name}}/wake", status_code=202)
async def wake_up(name: ThisMachine, plane: ThePlane, caller: TheCaller) -> Woken:
    """Sends a magic packet to each of the machine's network cards."""
    with nodes_told_apart(plane, name):
        known = plane.rooms.members.fleet.named(name)
    networks = known.machine.inventory.networks
    async with recorded(plane, caller, action="wake_machine", subject=name):
        return Woken(packets=await asyncio.to_thread(lambda: wake(networks, ours=own_addresses())))
