"""API keys: who may use the gateway, for what and how much."""

from typing import Annotated

from fastapi import APIRouter, Path

from backend.caller import Caller
from backend.deeds import recorded
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.core.principals import Channel, Role
from cluster_ai.core.wire import Name, View
from cluster_ai.keys.types import KeyChanges, KeyView, MadeKey, NewKey

router = APIRouter(route_class=PolicedRoute, tags=["keys"])

ThisKey = Annotated[Name, Path()]


class KeyList(View):
    items: tuple[KeyView, ...]


def narrowed(caller: Caller) -> str | None:
    """The user whose keys a caller may see; None: everybody's."""
    return None if caller.principal.role is Role.ADMIN else caller.principal.id


@router.get(f"{API}/keys")
async def keys(plane: ThePlane, caller: TheCaller) -> KeyList:
    """The caller's keys, oldest first, those that ended with them; an administrator sees everybody's."""
    return KeyList(items=await plane.rooms.keys.all(owner_id=narrowed(caller)))


@router.post(f"{API}/keys", status_code=201)
async def create(wanted: NewKey, plane: ThePlane, caller: TheCaller) -> MadeKey:
    """A new key. Its secret is in this answer and nowhere else."""
    who = caller.principal
    # The internal token is nobody's: what it makes belongs to the machine.
    owner = None if who.channel is Channel.LOCAL else who.id
    async with recorded(plane, caller, action="create_key", subject=wanted.name):
        return await plane.rooms.keys.create(wanted, owner_id=owner)


@router.get(f"{API}/keys/{{key}}")
async def key(key: ThisKey, plane: ThePlane, caller: TheCaller) -> KeyView:
    """One key."""
    return await plane.rooms.keys.get(key, owner_id=narrowed(caller))


@router.patch(f"{API}/keys/{{key}}")
async def change(key: ThisKey, changes: KeyChanges, plane: ThePlane, caller: TheCaller) -> KeyView:
    """Gives a key other rights or limits; fields that are left out stay. In force within a second."""
    async with recorded(plane, caller, action="change_key", subject=key):
        return await plane.rooms.keys.change(key, changes)


@router.delete(f"{API}/keys/{{key}}")
async def revoke(key: ThisKey, plane: ThePlane, caller: TheCaller) -> KeyView:
    """Ends a key for good; every gateway refuses it within a second. The key stays in the list."""
    async with recorded(plane, caller, action="revoke_key", subject=key):
        return await plane.rooms.keys.revoke(key, owner_id=narrowed(caller))
