"""Brings models to nodes: starts the parts of pulls that may start, and sees each to its end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import structlog

from cluster_ai.catalog.board import Board
from cluster_ai.catalog.choosing import Go, choose
from cluster_ai.catalog.machine import Broke, Finished, Interrupted, Part, Progressed, Started
from cluster_ai.catalog.places import NodeModels, Nodes, Place, Step
from cluster_ai.catalog.types import DiskTooSmall, Holding, LayerProgress, NodeCut, PullFailed
from cluster_ai.core.clock import Clock
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.loops import every

log = structlog.get_logger(__name__)

TICK_SECONDS: Final = 1.0
ATTEMPTS: Final = 4
"""Tries of a part whose connection breaks; then somebody must look at it."""
SEEN_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Pace:
    """``again`` answers the seconds before a try; its argument counts those that failed."""

    tick_seconds: float = TICK_SECONDS
    again: Callable[[int], float] = lambda failed: min(60.0, 2.0**failed)


class Courier:
    """Runs inside ``running``. ``clock`` is monotonic."""

    def __init__(self, board: Board, nodes: Nodes, *, clock: Clock, pace: Pace | None = None) -> None:
        self._board = board
        self._nodes = nodes
        self._clock = clock
        self._pace = pace or Pace()
        self._work: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._tasks = asyncio.TaskGroup()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Works inside the block. Parts that run when it ends stay open: the next process goes on with them."""
        await self._board.open()
        await self._tasks.__aenter__()
        loops = [
            self._tasks.create_task(every(self._pace.tick_seconds, self._board.flush, name="progress of pulls")),
            self._tasks.create_task(self._start_forever()),
        ]
        try:
            yield
        finally:
            for task in [*loops, *self._work.values()]:
                task.cancel()
            # Without what ended the block: it is nobody's fault here, and would come out wrapped.
            await self._tasks.__aexit__(None, None, None)
            with contextlib.suppress(ClusterError):
                await self._board.flush()

    def wake(self) -> None:
        """Something may start now."""
        self._wake.set()

    async def stop(self, pull_id: str, nodes: Iterable[str]) -> None:
        """Ends the work on those parts, and waits until it has ended."""
        tasks = [task for node in nodes if (task := self._work.get((pull_id, node))) is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def tick(self) -> None:
        """Starts every part that may start."""
        for _, part in self._board.running():
            if (part.pull_id, part.node) not in self._work:
                # Its end could not be stored: it is begun anew, and finds what it left.
                await self._board.settle(part.pull_id, (part.node,), Interrupted())
        for go in choose(self._board.waiting(self._clock()), self._board.running(), self._places()):
            part = go.wanted.part
            if not await self._board.settle(part.pull_id, (part.node,), Started(go.source, go.from_node)):
                continue
            task = self._tasks.create_task(self._carried(go), name=f"pull {go.wanted.model} to {part.node}")
            self._work[part.pull_id, part.node] = task
            task.add_done_callback(partial(self._ended, (part.pull_id, part.node)))

    # -- inside

    async def _start_forever(self) -> None:
        self.wake()

        async def tick() -> None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._pace.tick_seconds)
            self._wake.clear()
            await self.tick()

        await every(0, tick, name="pulls")

    def _ended(self, key: tuple[str, str], _task: asyncio.Task[None]) -> None:
        self._work.pop(key, None)
        self._wake.set()

    def _places(self) -> list[Place]:
        """Nodes as they are, with what they got a moment ago and nobody has seen yet."""
        got: dict[str, list[tuple[str, Holding]]] = {}
        for pull, node in self._board.done():
            got.setdefault(node, []).append((pull.model, Holding(node=node, digest=pull.digest)))
        return [
            replace(place, models=(*place.models, *new)) if (new := got.get(place.name)) else place
            for place in self._nodes.places()
        ]

    async def _carried(self, go: Go) -> None:
        try:
            await self._carry(go)
        except ClusterError as exc:
            # The database, not the node; raised, it would end every other pull.
            log.warning("the end of a pull could not be stored", node=go.wanted.part.node, reason=exc.message)

    async def _carry(self, go: Go) -> None:
        """One try; whatever becomes of it is noted at the board. Cancelled, it leaves the part as it is."""
        part, model = go.wanted.part, go.wanted.model
        try:
            at = self._nodes.at(part.node)
            steps = at.copy_from(go.from_node, model) if go.from_node else at.pull(model)
            async with aclosing(steps):
                async for step in steps:
                    self._board.note(part.pull_id, part.node, Progressed(step.status, _layer(step)))
            digest = await self._seen(at, model)
        except ClusterError as exc:
            await self._broke(go, exc)
            return
        if not go.from_node:
            self._board.is_at(part.pull_id, digest)
        await self._board.settle(part.pull_id, (part.node,), Finished(_came_from(go)))
        log.info("model is there", model=model, node=part.node, source=go.source, from_node=go.from_node)

    async def _seen(self, at: NodeModels, model: str) -> str:
        """The digest under which the node lists what it has just got.

        Raises:
            PullFailed: it does not list it.
        """
        deadline = self._clock() + SEEN_SECONDS
        while True:
            for name, held in await at.models():
                if name.casefold() == model.casefold():
                    return held.digest
            if self._clock() > deadline:
                raise PullFailed("it said that it was done, and does not list the model")
            await asyncio.sleep(_LOOK_SECONDS)

    async def _broke(self, go: Go, exc: ClusterError) -> None:
        part, board = go.wanted.part, self._board
        log.warning("pull broke off", model=go.wanted.model, node=part.node, source=go.source, reason=exc.message)
        if go.from_node and not isinstance(exc, DiskTooSmall):
            # Another node, or the library, may still give it.
            board.refuse(part.pull_id, part.node, go.from_node)
            await board.settle(part.pull_id, (part.node,), Interrupted())
        elif isinstance(exc, NodeCut) and _tries(board, part) < ATTEMPTS:
            board.delay(part.pull_id, part.node, self._clock() + self._pace.again(_tries(board, part)))
            await board.settle(part.pull_id, (part.node,), Interrupted())
        else:
            await board.settle(part.pull_id, (part.node,), Broke(exc.message, exc.code))


def _tries(board: Board, part: Part) -> int:
    now = board.part(part.pull_id, part.node)
    return now.attempts if now else ATTEMPTS


def _layer(step: Step) -> LayerProgress | None:
    if not step.digest:
        return None
    return LayerProgress(digest=step.digest, total=step.total, completed=min(step.completed, step.total))


def _came_from(go: Go) -> str:
    return f"copied from {go.from_node}" if go.from_node else "fetched from the library"
