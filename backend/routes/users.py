"""Who may sign in, and as what."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import StringConstraints

from backend.caller import Caller
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from cluster_ai.accounts.types import Doer, GivenPassword, MadeUser, NewUser, Person, UserChanges, UserName
from cluster_ai.core.wire import StrictModel, Text, View

router = APIRouter(route_class=PolicedRoute, tags=["users"])

ThisUser = Annotated[UserName, Path()]


class UserList(View):
    items: tuple[Person, ...]


class PasswordForOther(StrictModel):
    password: Annotated[Text, StringConstraints(max_length=1024)] = ""
    """Made up when empty."""


def doer_of(caller: Caller) -> Doer:
    return Doer(caller.principal.id, caller.principal.name, caller.address)


@router.get(f"{API}/users")
async def users(plane: ThePlane, _caller: TheCaller) -> UserList:
    """Everybody, by name."""
    return UserList(items=await plane.rooms.people.all())


@router.post(f"{API}/users", status_code=201)
async def create(wanted: NewUser, plane: ThePlane, caller: TheCaller) -> MadeUser:
    """Somebody new. A password that was made up is in this answer and nowhere else."""
    return await plane.rooms.people.create(wanted, doer=doer_of(caller))


@router.patch(f"{API}/users/{{user}}")
async def change(user: ThisUser, changes: UserChanges, plane: ThePlane, caller: TheCaller) -> Person:
    """Gives another role, disables or enables; counts for the very next request of sessions and tokens."""
    return await plane.rooms.people.change(user, changes, doer=doer_of(caller))


@router.post(f"{API}/users/{{user}}/password")
async def password(user: ThisUser, given: PasswordForOther, plane: ThePlane, caller: TheCaller) -> GivenPassword:
    """Gives somebody else a password; their sessions and tokens end."""
    return await plane.rooms.people.set_password(user, given.password, doer=doer_of(caller))


@router.delete(f"{API}/users/{{user}}/second-factor", status_code=204)
async def reset_second_factor(user: ThisUser, plane: ThePlane, caller: TheCaller) -> None:
    """Takes somebody's second factor away, who lost it; their sessions and tokens end."""
    await plane.rooms.people.reset_second_factor(user, doer=doer_of(caller))


@router.delete(f"{API}/users/{{user}}", status_code=204)
async def delete(user: ThisUser, plane: ThePlane, caller: TheCaller) -> None:
    """Forgets somebody with their sessions, tokens and API keys; what they started goes on under their name."""
    await plane.rooms.people.delete(user, doer=doer_of(caller))
