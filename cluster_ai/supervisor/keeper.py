"""Keeps one part as the board says it should be: launches, probes, ends it. What to do is the machine's decision."""

import asyncio
import os
import signal
from collections.abc import Mapping

from cluster_ai.core.processes import how_it_ended
from cluster_ai.supervisor.board import Board
from cluster_ai.supervisor.logfile import LogFile
from cluster_ai.supervisor.machine import Answered, Due, Ended, Launched, Life, Missed, is_hung
from cluster_ai.supervisor.probes import knock
from cluster_ai.supervisor.process import Group, running
from cluster_ai.supervisor.types import PartSpec, PartState

EAGER_SECONDS = 0.1
"""Pause between probes of a part that is starting."""
CALM_SECONDS = 1.0


class Keeper:
    """One part. ``env`` is its environment, without what its own row of the table adds."""

    def __init__(self, spec: PartSpec, board: Board, *, env: Mapping[str, str]) -> None:
        self._spec = spec
        self._board = board
        self._env = {**env, **spec.env}

    async def run(self) -> None:
        """Until cancelled; then the part's processes are gone."""
        log = LogFile(self._board.log_of(self._spec.name))
        try:
            while True:
                await self._turn(log)
        finally:
            log.close()

    @property
    def _life(self) -> Life:
        return self._board.life(self._spec.name)

    async def _turn(self, log: LogFile) -> None:
        """From the state as it is to another one."""
        match self._life.state:
            case PartState.WAITING:
                await self._board.until(lambda: self._may_start() or self._left(PartState.WAITING))
                if self._life.state is PartState.WAITING:
                    await self._live(log)
            case PartState.BACKOFF:
                pause = self._life.due_at - self._board.clock()
                await self._board.until(lambda: self._left(PartState.BACKOFF), seconds=max(0.0, pause))
                if self._life.state is PartState.BACKOFF:
                    self._board.tell(self._spec.name, Due())
            case state:
                await self._board.until(lambda: self._left(state))

    def _may_start(self) -> bool:
        return self._board.are_ready(self._spec.needs)

    def _left(self, state: PartState) -> bool:
        return self._life.state is not state

    async def _live(self, log: LogFile) -> None:
        """One life of the part, from its launch to its end."""
        log.begin()
        try:
            async with running(self._spec.argv, env=self._env, log=log) as group:
                self._board.tell(self._spec.name, Launched(group.pid))
                how = await self._watched(group)
                code = await group.clear()
        except OSError as exc:
            how, said = "not started", f"{self._spec.argv[0]}: {exc.strerror or exc}"
        else:
            how, said = how or how_it_ended(code), log.last_words() if code else ""
        self._board.tell(self._spec.name, Ended(how, error=said, excused=not self._may_start()))

    async def _watched(self, group: Group) -> str:
        """Waits for the end of the first process; answers how we ended it, empty when it ended by itself."""
        async with asyncio.TaskGroup() as tasks:
            probing = tasks.create_task(self._probe())
            stopping = tasks.create_task(self._stop_when_asked(group))
            ending = tasks.create_task(group.ended())
            await asyncio.wait({probing, ending}, return_when=asyncio.FIRST_COMPLETED)
            for task in (probing, stopping, ending):
                task.cancel()
        return probing.result() if not probing.cancelled() else ""

    async def _probe(self) -> str:
        """Probes until the part is hung; answers what to call that."""
        while True:
            reason = await knock(self._spec.probes)
            life = self._board.tell(self._spec.name, Missed(reason) if reason else Answered())
            if is_hung(life, now=self._board.clock(), policy=self._board.policy):
                return f"no answer for {self._board.policy.patience_seconds:.0f} s"
            await asyncio.sleep(EAGER_SECONDS if life.state is PartState.STARTING else CALM_SECONDS)

    async def _stop_when_asked(self, group: Group) -> None:
        await self._board.until(lambda: self._life.state is PartState.STOPPING)
        group.ask_to_end()
        await asyncio.sleep(self._board.policy.stop_seconds)
        group.signal(signal.SIGKILL)


def environment(base: Mapping[str, str], *, parent: str, code: str) -> dict[str, str]:
    """What parts inherit: ``base``, who their supervisor is, and where our code lies."""
    path = os.pathsep.join(part for part in (code, base.get("PYTHONPATH", "")) if part)
    return {**base, parent: str(os.getpid()), "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
