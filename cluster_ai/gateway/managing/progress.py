"""Several nodes at work on one change: their reports as one."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from cluster_ai.gateway.managing.questions import NodeFailed, Record

AHEAD: Final = 8
"""Records of a node that wait for a slow client; then the node waits, too."""


@dataclass(frozen=True, slots=True)
class Reported:
    """A node came further."""

    node: str
    record: Record


@dataclass(frozen=True, slots=True)
class Ended:
    """A node is done; with ``failure`` it did not do it."""

    node: str
    failure: NodeFailed | None = None


Event = Reported | Ended


Reports = AsyncGenerator[Reported]


@asynccontextmanager
async def merged(reports: Mapping[str, Reports]) -> AsyncIterator[AsyncIterator[Event]]:
    """The reports of all as they come; every one ends with ``Ended``. Leaving the block stops those who work."""
    queue: asyncio.Queue[Event] = asyncio.Queue(AHEAD * len(reports))
    async with asyncio.TaskGroup() as tasks:
        pumps = [tasks.create_task(_pump(name, report, queue)) for name, report in reports.items()]
        try:
            yield _until_ended(queue, len(reports))
        finally:
            for pump in pumps:
                pump.cancel()


async def _pump(name: str, report: Reports, queue: asyncio.Queue[Event]) -> None:
    ended = Ended(name)
    try:
        async with aclosing(report):
            async for reported in report:
                await queue.put(reported)
    except NodeFailed as exc:
        ended = Ended(exc.node, exc)
    await queue.put(ended)


async def _until_ended(queue: asyncio.Queue[Event], left: int) -> AsyncIterator[Event]:
    while left:
        event = await queue.get()
        left -= isinstance(event, Ended)
        yield event
