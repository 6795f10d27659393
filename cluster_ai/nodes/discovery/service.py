"""One search: every source at the same time, told as it is found."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from cluster_ai.nodes.discovery import scan, scanning
from cluster_ai.nodes.discovery.around import Around
from cluster_ai.nodes.discovery.finds import Finds
from cluster_ai.nodes.discovery.hearing import hear
from cluster_ai.nodes.discovery.naming import Namer
from cluster_ai.nodes.discovery.scanning import Manner, Scanner
from cluster_ai.nodes.discovery.telling import Telling
from cluster_ai.nodes.discovery.types import Ended, Event


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be searched."""

    ports: tuple[int, ...] = scan.USUAL_PORTS
    hosts: tuple[str, ...] = ()
    """These addresses alone, each of ``ports``, instead of everything around."""
    networks: bool = True
    names: bool = True
    mdns_seconds: float = 3.0
    """0: nobody listens."""
    manner: Manner = scanning.USUAL


@asynccontextmanager
async def discovering(around: Around, wish: Wish) -> AsyncIterator[AsyncIterator[Event]]:
    """What is found, as an iterator that ends with ``Ended``. Leaving the block ends the search."""
    events: asyncio.Queue[Event | None] = asyncio.Queue()
    telling = Telling(Finds(around.members), events.put_nowait)
    searching = asyncio.create_task(_search(around, wish, telling), name="discovery")
    # However it ends, whoever listens hears that it did.
    searching.add_done_callback(lambda _: events.put_nowait(None))
    try:
        yield _until_the_end(events, searching)
    finally:
        searching.cancel()
        with suppress(asyncio.CancelledError):
            await searching


async def _until_the_end(
    events: "asyncio.Queue[Event | None]", searching: "asyncio.Task[Ended]"
) -> AsyncIterator[Event]:
    while (event := await events.get()) is not None:
        yield event
    yield await searching


async def _search(around: Around, wish: Wish, telling: Telling) -> Ended:
    began = time.monotonic()
    scanner = Scanner(around, telling, wish.manner)
    async with asyncio.TaskGroup() as group:
        if wish.hosts:
            group.create_task(scanner.hosts(wish.hosts, wish.ports))
        else:
            if wish.networks:
                group.create_task(scanner.networks(wish.ports))
            if wish.names:
                group.create_task(Namer(around, telling, scanner).all())
            if wish.mdns_seconds > 0:
                group.create_task(hear(around.scope, telling, seconds=wish.mdns_seconds))
    return Ended(
        found=len(telling.finds.all()),
        left_out=around.scope.left_out,
        hashed=around.known.hashed,
        seconds=round(time.monotonic() - began, 3),
        problems=telling.problems,
    )
