"""The doors of everything that is passed to a node."""

from collections.abc import Awaitable, Callable

from backend.gateway.messages import adapted
from backend.gateway.passing import Asked, pass_on
from backend.gateway.porter import Porter
from backend.gateway.refusals import Tell, refusals_told
from backend.gateway.senders import call_of
from backend.gateway.unloading import last_of
from cluster_ai.gateway.dialects.paths import Path
from cluster_ai.gateway.room import Room


def relaying(path: Path, porter: Porter, tell: Tell) -> Callable[[Asked, Room], Awaitable[None]]:
    """The door of ``path``. ``tell`` hears of calls that end here already."""

    async def door(asked: Asked, room: Room) -> None:
        # Before the body is read: strangers send nothing.
        caller = porter.caller_of(asked)
        call = call_of(asked, path, await asked.body(), caller=caller, settings=room.means.settings)
        told = refusals_told(call, tell)
        with told:
            counted = await porter.counted(call)
        with counted:
            with told:
                asked, call = adapted(asked, call, room)
            await pass_on(asked, await last_of(call, room), room.works.relay)

    return door
