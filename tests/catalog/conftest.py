"""A library, three nodes on ports of this machine, and the catalog room over them."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from cluster_ai.catalog.at_node import AtNode
from cluster_ai.catalog.board import Board
from cluster_ai.catalog.copying import FolderTarget, Giver
from cluster_ai.catalog.courier import Courier, Pace
from cluster_ai.catalog.fit import Room
from cluster_ai.catalog.gguf_remote import Registry
from cluster_ai.catalog.given import Given
from cluster_ai.catalog.names import Door
from cluster_ai.catalog.places import NodeModels, Place
from cluster_ai.catalog.service import Pulls
from cluster_ai.catalog.serving import ModelsApp
from cluster_ai.catalog.types import LIBRARY, NewPull, PullState, PullView
from cluster_ai.core.asgi.guard import Limits
from cluster_ai.core.db import open_database
from cluster_ai.core.errors import Forbidden, NotFound
from tests.backend.running import Served, applications
from tests.catalog.fake_library import FakeLibrary
from tests.catalog.fake_node import FakeNode

SECONDS = 20.0


@dataclass
class Cluster:
    """Everything around the room that a test may change. ``disks`` is what nodes tell of their disks."""

    database: str
    library: FakeLibrary
    library_url: str
    nodes: dict[str, FakeNode]
    served: Served
    disks: dict[str, int] = field(default_factory=dict)
    memory: int = 2**40
    down: set[str] = field(default_factory=set)
    copies: bool = True
    frozen: str = ""
    told: list[PullView] = field(default_factory=list)
    sessions: list[aiohttp.ClientSession] = field(default_factory=list)
    looking: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    # -- what the room is given

    def places(self) -> tuple[Place, ...]:
        return tuple(
            Place(
                name=node.name,
                up=node.name not in self.down,
                copies=self.copies,
                room=Room(memory=self.memory, disk=self.disks.get(node.name)),
                # On another thread: files may not be read on the loop, and here nobody waits for it.
                models=self.looking.submit(node.holdings).result(),
            )
            for node in self.nodes.values()
        )

    def at(self, node: str) -> NodeModels:
        if node not in self.nodes:
            raise NotFound(f"no node is called {node}")
        givers = {other.name: Door(other.url) for other in self.nodes.values()}
        return AtNode(node, self.nodes[node].url, self.sessions[-1], givers)

    def admit(self, model: str) -> None:
        if self.frozen:
            raise Forbidden(f"{model}: {self.frozen}")

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Pulls]:
        """The room, as one process of the backend has it."""
        ids = (f"{time.time_ns():032x}-{number}"[-36:] for number in itertools.count())
        async with (
            open_database(self.database, on_fatal=pytest.fail) as database,
            aiohttp.ClientSession(trust_env=False) as session,
        ):
            self.sessions.append(session)
            library = Registry(session, (LIBRARY,), {LIBRARY: self.library_url})
            board = Board(database, now=time.time, tell=self.told.append)
            pace = Pace(tick_seconds=0.1, again=lambda _: 0.1)
            courier = Courier(board, self, clock=time.monotonic, pace=pace)
            given = Given(self, library, self.admit, time.time, lambda: next(ids))
            async with courier.running():
                yield Pulls(board, courier, given)

    def tell(self, story: Callable[[Pulls], Awaitable[None]]) -> None:
        async def tell() -> None:
            async with self.opened() as pulls:
                await story(pulls)

        asyncio.run(tell())


async def ended(pulls: Pulls, pull_id: str) -> PullView:
    """The pull, once it has come to its end."""
    return await once(pulls, pull_id, lambda view: view.state.ended)


async def once(pulls: Pulls, pull_id: str, true: Callable[[PullView], bool]) -> PullView:
    """The pull as soon as that is true of it."""
    deadline = time.monotonic() + SECONDS
    while not true(view := await pulls.get(pull_id)):
        assert time.monotonic() < deadline, view
        await asyncio.sleep(0.02)
    return view


def states(view: PullView) -> dict[str, PullState]:
    return {part.node: part.state for part in view.parts}


def wanted(model: str = "tiny:1b", *nodes: str, **more: bool) -> NewPull:
    return NewPull.model_validate({"model": model, "nodes": nodes, **more})


@pytest.fixture
def served() -> Iterator[Served]:
    with applications() as served:
        yield served


@pytest.fixture
def cluster(served: Served, sqlite_url: str, tmp_path: Path) -> Iterator[Cluster]:
    """Nodes a, b and c, all empty."""
    library = FakeLibrary()
    library_url = served.start(library.app())
    nodes = {name: FakeNode(name, tmp_path / name, library_url) for name in ("a", "b", "c")}
    session = served.run(_session())
    for node in nodes.values():
        node.agent = ModelsApp(node.shelf, lambda door: Giver(session, door.url), FolderTarget(node.shelf))
        node.url = served.start(node, limits=Limits(body_bytes=2**30))
    made = Cluster(sqlite_url, library, library_url, nodes, served)
    yield made
    made.looking.shutdown()
    served.run(session.close())


async def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(trust_env=False)
