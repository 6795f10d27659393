"""Terms on a real database, with clocks that tests turn."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cluster_ai.core.db import Database, open_database
from cluster_ai.core.events import Event
from cluster_ai.core.ids import Ids
from cluster_ai.election import claim, deciding
from cluster_ai.election.opening import mode_for
from cluster_ai.election.term import Means, Term
from cluster_ai.election.types import ElectionMode

TTL = 10.0
PACE = deciding.Pace(TTL, 3.0)


@dataclass
class Head:
    """One head, whose looks a test makes."""

    database: Database
    term: Term
    clock: list[float]
    told: list[Event] = field(default_factory=list)

    async def write(self) -> None:
        """What only the leader may do."""
        async with self.database.guarded(self.term.guard).transaction():
            pass

    @property
    def leads(self) -> bool:
        return self.term.epoch() > 0


@asynccontextmanager
async def head(database: Database, folder: Path, wall: list[float] | None = None) -> AsyncIterator[Head]:
    """A head whose data directory is ``folder``; its monotonic clock stands until a test turns it."""
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    clock, told = [1000.0], list[Event]()
    walls = wall or [1_800_000_000.0]
    mode = mode_for(ElectionMode.AUTO, database.dialect)
    pace = PACE if mode is ElectionMode.POSTGRES else deciding.Pace(deciding.FOREVER, PACE.renew)
    with ExitStack() as stack:
        held = await asyncio.to_thread(stack.enter_context, claim.opened(folder))
        means = Means(
            database=database,
            claim=held,
            mode=mode,
            pace=pace,
            clock=lambda: clock[0],
            now=lambda: walls[0],
            new_id=Ids(),
            tell=told.append,
        )
        yield Head(database, Term(means), clock, told)


@asynccontextmanager
async def heads(url: str, folder: Path, *names: str, walls: Sequence[list[float]] = ()) -> AsyncIterator[list[Head]]:
    """Each with a data directory of its name, and connections of its own. ``walls``: what their clocks show."""
    async with AsyncExitStack() as stack:
        found = []
        for place, name in enumerate(names):
            opened = open_database(url, on_fatal=lambda error: pytest.fail(error.message))
            database = await stack.enter_async_context(opened)
            wall = walls[place] if walls else None
            found.append(await stack.enter_async_context(head(database, folder / name, wall)))
        yield found


Story = Callable[[str, Path], Awaitable[None]]
Tell = Callable[[Story], None]


@pytest.fixture
def tell(url: str, tmp_path: Path) -> Tell:
    """Runs a story on each database."""
    return lambda story: run(story, url, tmp_path)


@pytest.fixture
def shared(postgres_tables_url: str, tmp_path: Path) -> Tell:
    """Runs a story on the database that heads share."""
    return lambda story: run(story, postgres_tables_url, tmp_path)


def run(story: Story, url: str, folder: Path) -> None:
    async def told() -> None:
        await story(url, folder)

    asyncio.run(told())
