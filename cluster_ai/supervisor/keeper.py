"""Keeps one part as the board says it should be: launches, probes, ends it. What to do is the machine's decision."""

import asyncio
import signal
from typing import Final

from cluster_ai.core.processes import how_it_ended
from cluster_ai.supervisor.board import Board
from cluster_ai.supervisor.launcher import Ground, Launcher, NotLaunched, Process
from cluster_ai.supervisor.machine import (
    Answered,
    Due,
    Ended,
    Launched,
    Life,
    Missed,
    NotReplaced,
    Replaced,
    is_hung,
)
from cluster_ai.supervisor.process import Group
from cluster_ai.supervisor.types import PartSpec, PartState

EAGER_SECONDS: Final = 0.1
"""Pause between probes of a part that is starting."""
CALM_SECONDS: Final = 1.0
HURRY_SECONDS: Final = 3.0
"""The whole cluster stops: a part that drains has so long before it is told that nobody waits any more."""
KILL_SECONDS: Final = 5.0
"""A process that was replaced and has drained for its time is killed so much later."""


class Keeper:
    """One part."""

    def __init__(self, spec: PartSpec, board: Board, ground: Ground) -> None:
        self._spec = spec
        self._board = board
        self._launcher = Launcher(spec, ground, log=board.log_of(spec.name))
        self._leaving = asyncio.TaskGroup()

    async def run(self) -> None:
        """Until cancelled; then the part's processes are gone."""
        try:
            async with self._leaving:
                while True:
                    await self._turn()
        finally:
            self._launcher.close()

    @property
    def _life(self) -> Life:
        return self._board.life(self._spec.name)

    async def _turn(self) -> None:
        """From the state as it is to another one."""
        match self._life.state:
            case PartState.WAITING:
                await self._board.until(lambda: self._may_start() or self._left(PartState.WAITING))
                if self._life.state is PartState.WAITING:
                    await self._live()
            case PartState.BACKOFF:
                pause = self._life.due_at - self._board.clock()
                await self._board.until(lambda: self._left(PartState.BACKOFF), seconds=max(0.0, pause))
                if self._life.state is PartState.BACKOFF:
                    self._board.tell(self._spec.name, Due())
            case state:
                # Nobody will accept what comes now.
                self._launcher.let_go()
                await self._board.until(lambda: self._left(state))

    def _may_start(self) -> bool:
        return self._board.are_ready(self._spec.needs)

    def _left(self, state: PartState) -> bool:
        return self._life.state is not state

    async def _live(self) -> None:
        """One life of the part, from its launch to its end without a successor."""
        self._launcher.begin()
        try:
            process = await self._launcher.launch()
        except NotLaunched as exc:
            self._ended("not started", str(exc))
            return
        self._board.tell(self._spec.name, Launched(process.group.pid))
        try:
            while (how := await self._watched(process.group)) is None:
                process = await self._succeeded(process)
            code = await process.group.clear()
        finally:
            await process.close()
        self._ended(how or how_it_ended(code), self._launcher.last_words() if code else "")

    def _ended(self, how: str, said: str) -> None:
        self._board.tell(self._spec.name, Ended(how, error=said, excused=not self._may_start()))

    async def _watched(self, group: Group) -> str | None:
        """Waits for the end of the first process; answers how we ended it, empty when it ended by itself.

        None as soon as another process shall take over.
        """
        async with asyncio.TaskGroup() as tasks:
            probing = tasks.create_task(self._probe(group))
            stopping = tasks.create_task(self._stop_when_asked(group))
            ending = tasks.create_task(group.ended())
            rolling = tasks.create_task(self._board.until(lambda: self._life.rolling))
            await asyncio.wait({probing, ending, rolling}, return_when=asyncio.FIRST_COMPLETED)
            is_rolling = not (ending.done() or probing.done())
            for task in (probing, stopping, ending, rolling):
                task.cancel()
        if is_rolling:
            return None
        return probing.result() if not probing.cancelled() else ""

    async def _probe(self, group: Group) -> str:
        """Probes until the part is hung; answers what to call that."""
        while True:
            reason = await self._launcher.knock(group)
            life = self._board.tell(self._spec.name, Missed(reason) if reason else Answered())
            if is_hung(life, now=self._board.clock(), policy=self._board.policy):
                return f"no answer for {self._board.policy.patience_seconds:.0f} s"
            await asyncio.sleep(EAGER_SECONDS if life.state is PartState.STARTING else CALM_SECONDS)

    async def _stop_when_asked(self, group: Group) -> None:
        await self._board.until(lambda: self._life.state is PartState.STOPPING)
        if not self._life.again:
            self._launcher.let_go()
        await self._end(group)

    async def _end(self, group: Group) -> None:
        """Asks a process to end, and kills it when it takes too long."""
        group.ask_to_end()
        if self._spec.drain_seconds:
            await asyncio.sleep(min(HURRY_SECONDS, self._board.policy.stop_seconds / 2))
            group.ask_to_end()
        await asyncio.sleep(self._board.policy.stop_seconds)
        group.signal(signal.SIGKILL)

    # -- a successor

    async def _succeeded(self, old: Process) -> Process:
        """The process that goes on: a new one as soon as it is ready, else the old one."""
        try:
            new = await self._launcher.launch()
        except NotLaunched as exc:
            self._board.tell(self._spec.name, NotReplaced(str(exc)))
            return old
        try:
            reason = await self._unfit(new, old)
        except BaseException:
            # Both end with us; the caller knows of the old one alone.
            await new.close()
            raise
        if not reason:
            self._board.tell(self._spec.name, Replaced(new.group.pid))
            self._leaving.create_task(self._retire(old))
            return new
        await new.close()
        if self._life.rolling:
            said = self._launcher.last_words()
            self._board.tell(self._spec.name, NotReplaced(f"{reason}: {said}" if said else reason))
        return old

    async def _unfit(self, new: Process, old: Process) -> str:
        """Waits until the new process is ready; else why it will not be, or why nobody needs it any more."""
        async with asyncio.TaskGroup() as tasks:
            ready = tasks.create_task(self._until_ready(new.group))
            reasons = {
                tasks.create_task(new.group.ended()): "the new process ended",
                tasks.create_task(old.group.ended()): "the old process ended first",
                tasks.create_task(self._board.until(lambda: not self._life.rolling)): "nobody waits for it any more",
            }
            patience = self._board.policy.patience_seconds
            done, _ = await asyncio.wait({ready, *reasons}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            for task in (ready, *reasons):
                task.cancel()
        found = [reasons[task] for task in done if task in reasons]
        return found[0] if found else "" if ready in done else f"the new process was not ready within {patience:.0f} s"

    async def _until_ready(self, group: Group) -> None:
        # Another process: there is nothing to wait on but its answer.
        while await self._launcher.knock(group):  # noqa: ASYNC110
            await asyncio.sleep(EAGER_SECONDS)

    async def _retire(self, old: Process) -> None:
        """Lets a replaced process end its answers."""
        try:
            old.group.ask_to_end()
            async with asyncio.TaskGroup() as tasks:
                ended = tasks.create_task(old.group.ended())
                hurrying = tasks.create_task(self._end_when_all_stops(old.group))
                await asyncio.wait({ended}, timeout=self._spec.drain_seconds + KILL_SECONDS)
                ended.cancel()
                hurrying.cancel()
        finally:
            await old.close()

    async def _end_when_all_stops(self, group: Group) -> None:
        await self._board.until(lambda: self._life.state is PartState.STOPPING and not self._life.again)
        await self._end(group)
