"""The lookout room as the API has it: over the head's own networks, machines and registry."""

import asyncio
import importlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import SystemRandom
from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection

from backend.plane import Plane
from cluster_ai.core.ids import new_id
from cluster_ai.nodes.discovery.around import Around, here
from cluster_ai.nodes.discovery.gathered import Members, members_of
from cluster_ai.nodes.discovery.lookout import Lookout, Means, opened
from cluster_ai.nodes.discovery.scanning import Manner

LookAround = Callable[[Members], Around]
"""Reads interfaces and files."""


def this_box(members: Members) -> Around:
    """The networks and SSH files of the user that the head runs as."""
    return here(Path.home(), members, SystemRandom())


@asynccontextmanager
async def open_lookout(plane: Plane, look_around: LookAround = this_box) -> AsyncIterator[Lookout]:
    """Beside the plane: nothing else needs it."""
    fleet = plane.rooms.members.fleet

    async def around() -> Around:
        members = members_of(fleet.view(known) for known in fleet.all())
        return await asyncio.to_thread(look_around, members)

    means = Means(around, time.time, new_id, Manner(host_key=_shown_key))
    async with opened(means, plane.registry, time.monotonic) as lookout:
        yield lookout


def lookout_of(connection: HTTPConnection) -> Lookout:
    lookout: Lookout = connection.app.state.lookout
    return lookout


TheLookout = Annotated[Lookout, Depends(lookout_of)]


async def _shown_key(address: str, port: int) -> str:
    # SSH is loaded when the first search meets a server of it: most heads never do.
    showing = await asyncio.to_thread(importlib.import_module, "cluster_ai.nodes.ssh.showing")
    fingerprint: str = await showing.shown_fingerprint(address, port)
    return fingerprint
