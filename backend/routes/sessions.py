"""Where people are signed in, and how that ends."""

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import StringConstraints

from backend.caller import Caller
from backend.policy import API
from backend.routed import PolicedRoute, TheCaller, ThePlane
from backend.routes.users import ThisUser, doer_of
from cluster_ai.accounts.types import SessionView
from cluster_ai.core.principals import Channel
from cluster_ai.core.wire import View

router = APIRouter(route_class=PolicedRoute, tags=["sessions"])

ThisSession = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$"), Path()]


class SessionList(View):
    items: tuple[SessionView, ...]


def session_of(caller: Caller) -> str:
    """The caller's session, where they call by one."""
    return caller.credential if caller.principal.channel is Channel.SESSION else ""


@router.get(f"{API}/auth/sessions")
async def own(plane: ThePlane, caller: TheCaller) -> SessionList:
    """Where the caller is signed in, the last seen first."""
    return SessionList(items=await plane.accounts.sessions(caller.principal.id, current=session_of(caller)))


@router.delete(f"{API}/auth/sessions", status_code=204)
async def end_others(plane: ThePlane, caller: TheCaller) -> None:
    """Signs the caller out everywhere else."""
    who = caller.principal
    await plane.accounts.end_sessions(who.id, keep=session_of(caller), doer=doer_of(caller), subject=who.name)


@router.delete(f"{API}/auth/sessions/{{session}}", status_code=204)
async def end_own(session: ThisSession, plane: ThePlane, caller: TheCaller) -> None:
    """Ends one session of the caller's."""
    who = caller.principal
    await plane.accounts.end_session(who.id, session, doer=doer_of(caller), subject=who.name)


@router.get(f"{API}/users/{{user}}/sessions")
async def of_user(user: ThisUser, plane: ThePlane, caller: TheCaller) -> SessionList:
    """Where somebody is signed in, the last seen first."""
    person = await plane.rooms.people.get(user)
    return SessionList(items=await plane.accounts.sessions(person.id, current=session_of(caller)))


@router.delete(f"{API}/users/{{user}}/sessions", status_code=204)
async def end_all(user: ThisUser, plane: ThePlane, caller: TheCaller) -> None:
    """Signs somebody out everywhere; where it is the caller, everywhere else."""
    person = await plane.rooms.people.get(user)
    await plane.accounts.end_sessions(person.id, keep=session_of(caller), doer=doer_of(caller), subject=person.name)


@router.delete(f"{API}/users/{{user}}/sessions/{{session}}", status_code=204)
async def end_one(user: ThisUser, session: ThisSession, plane: ThePlane, caller: TheCaller) -> None:
    """Ends one session of somebody's."""
    person = await plane.rooms.people.get(user)
    await plane.accounts.end_session(person.id, session, doer=doer_of(caller), subject=person.name)
