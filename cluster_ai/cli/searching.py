"""One search from this machine, shown as it goes on."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cluster_ai.cli import place
from cluster_ai.cli.finding import Shown
from cluster_ai.core.errors import ClusterError

if TYPE_CHECKING:
    from cluster_ai.nodes.discovery.gathered import Members
    from cluster_ai.nodes.discovery.service import Wish
    from cluster_ai.nodes.discovery.types import Ended, Event, Found


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that was found, each machine once, in the order of addresses."""

    found: "tuple[Found, ...]"
    ended: "Ended"

    def targets(self) -> list[str]:
        """How to call each machine that can be used."""
        return [one.target for one in self.found if one.usable]


async def search(wish: "Wish", *, quiet: bool) -> Seen:
    """Searches to the end; a person sees what is found while it goes on."""
    from cluster_ai.nodes.discovery.gathered import Gathered
    from cluster_ai.nodes.discovery.types import Ended, Found, Progress

    gathered = Gathered()
    with Shown(quiet=quiet) as shown:
        async with aclosing(_events(wish)) as events:
            async for event in events:
                gathered.take(event)
                match event:
                    case Found():
                        shown.found(event)
                    case Progress():
                        shown.progress(event)
    return Seen(gathered.found(), gathered.ended or Ended(found=0))


async def _events(wish: "Wish") -> "AsyncGenerator[Event]":
    from pathlib import Path
    from random import SystemRandom

    from cluster_ai.nodes.discovery.around import here
    from cluster_ai.nodes.discovery.service import discovering

    members = await asyncio.to_thread(_members)
    around = await asyncio.to_thread(here, Path.home(), members, SystemRandom())
    async with discovering(around, wish) as events:
        async for event in events:
            yield event


def _members() -> "Members":
    """Who is in the cluster already, if it runs and lets us ask."""
    from cluster_ai.client import machines
    from cluster_ai.nodes.discovery.gathered import Members, members_of

    with suppress(ClusterError), place.client() as client:
        known = client.send(machines.machines())
        return members_of(known)
    return Members()
