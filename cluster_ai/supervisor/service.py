"""All parts of one cluster on this box: started, kept up, and stopped in order."""

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import structlog

from cluster_ai.core.errors import Conflict, InvalidInput
from cluster_ai.supervisor.board import Board
from cluster_ai.supervisor.crew import Crew, Place
from cluster_ai.supervisor.desk import open_desk
from cluster_ai.supervisor.keeper import Keeper
from cluster_ai.supervisor.machine import RestartAsked, RollAsked, StopAsked
from cluster_ai.supervisor.preflight import refuse_ports
from cluster_ai.supervisor.types import PartSpec, PartState, SupervisorSettings, SupervisorView

log = structlog.get_logger(__name__)

WORKER = "worker-"


class Supervisor:
    """Runs once. Callers hold the data directory's lock (``only_one``) and have looked at the ports."""

    def __init__(self, crew: Crew, place: Place, policy: SupervisorSettings) -> None:
        self._crew = crew
        self._place = place
        self._policy = policy
        self._board = Board(policy, logs=place.home.logs)
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._ground = place.ground()
        self._wanted = {spec.name: spec for spec in crew.specs if spec.name.startswith(WORKER)}
        """Workers that there shall be; the board has those that are still leaving, too."""
        self._retiring: set[str] = set()
        self._stopping = asyncio.Event()
        self._started_at = time.time()
        self._tasks = asyncio.TaskGroup()

    async def run(self) -> None:
        """Until ``stop`` or SIGTERM, SIGINT, SIGHUP; then no process of the cluster is left."""
        self._listen_to_signals()
        with self._ground.listeners:
            await self._run()
        log.info("cluster stopped")

    async def _run(self) -> None:
        async with open_desk(self._place.home.run, self), self._tasks:
            for spec in self._crew.specs:
                self._keep(spec)
            telling = self._tasks.create_task(self._tell_when_ready())
            await self._stopping.wait()
            telling.cancel()
            await self._wind_down()
            for keeper in self._keepers.values():
                keeper.cancel()

    # -- what the desk passes on

    def status(self) -> SupervisorView:
        parts = self._board.views()
        return SupervisorView(
            pid=os.getpid(),
            version=self._place.version,
            home=str(self._place.home.root),
            started_at=self._started_at,
            ready=all(part.state is PartState.READY for part in parts),
            parts=parts,
        )

    def restart(self, part: str) -> None:
        self._refuse_when_stopping()
        if several := [spec for spec in self._board.specs if part and spec.group == part]:
            self._tasks.create_task(self._restart_each(several))
            return
        self._restart(self._board.spec(part))

    def stop(self) -> None:
        self._stopping.set()

    def scale_workers(self, count: int) -> int:
        self._refuse_when_stopping()
        if self._crew.worker is None or not 0 <= count <= self._crew.most_workers:
            raise InvalidInput(f"there can be 0 to {self._crew.most_workers} local workers", path="count")
        present = {spec.name for spec in self._board.specs}
        wanted = [self._crew.worker(index) for index in range(count)]
        new = [spec for spec in wanted if spec.name not in present]
        refuse_ports(new)
        self._wanted = {spec.name: spec for spec in wanted}
        for spec in new:
            self._keep(spec)
        for name in present - self._retiring:
            if name.startswith(WORKER) and name not in self._wanted:
                self._retiring.add(name)
                self._tasks.create_task(self._retire(name))
        return count

    def add_workers(self, count: int) -> int:
        return self.scale_workers(len(self._wanted) + count)

    # -- inside

    def _restart(self, spec: PartSpec) -> None:
        self._board.tell(spec.name, RollAsked() if spec.drain_seconds else RestartAsked())

    async def _restart_each(self, specs: Sequence[PartSpec]) -> None:
        """One after the other: what the first of them cannot do, the others are spared."""
        for spec in specs:
            self._restart(spec)
            await self._board.until(partial(self._is_settled, spec.name))
            if self._stopping.is_set() or self._board.life(spec.name).not_replaced:
                return

    def _is_settled(self, name: str) -> bool:
        life = self._board.life(name)
        return life.state in {PartState.READY, PartState.FAILED, PartState.STOPPED} and not life.rolling

    def _keep(self, spec: PartSpec) -> None:
        self._board.add(spec)
        keeper = Keeper(spec, self._board, self._ground)
        self._keepers[spec.name] = self._tasks.create_task(keeper.run(), name=spec.name)

    async def _retire(self, name: str) -> None:
        self._board.tell(name, StopAsked())
        await self._until_stopped([name], seconds=self._policy.stop_seconds + 1)
        keeper = self._keepers.pop(name)
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper
        self._board.remove(name)
        self._retiring.discard(name)
        # Somebody may have asked for it again while it was leaving.
        if (spec := self._wanted.get(name)) and not self._stopping.is_set():
            self._keep(spec)

    async def _tell_when_ready(self) -> None:
        await self._board.until(lambda: self.status().ready)
        log.info("cluster is ready", seconds=round(time.time() - self._started_at, 1))

    async def _wind_down(self) -> None:
        """Floor by floor from the top; a floor that takes its time does not keep the others from hearing of it."""
        log.info("cluster is stopping")
        end = self._board.clock() + self._policy.stop_seconds
        floors = sorted({spec.floor for spec in self._board.specs}, reverse=True)
        for above, floor in enumerate(floors):
            names = [spec.name for spec in self._board.specs if spec.floor == floor]
            for name in names:
                self._board.tell(name, StopAsked())
            share = (end - self._board.clock()) / (len(floors) - above)
            await self._until_stopped(names, seconds=share)
        await self._until_stopped([spec.name for spec in self._board.specs], seconds=end - self._board.clock())

    async def _until_stopped(self, names: Sequence[str], *, seconds: float) -> None:
        await self._board.until(lambda: all(map(self._is_stopped, names)), seconds=seconds)

    def _is_stopped(self, name: str) -> bool:
        return self._board.life(name).state is PartState.STOPPED

    def _refuse_when_stopping(self) -> None:
        if self._stopping.is_set():
            raise Conflict("the cluster is stopping", hint="wait a moment, then start it again")

    def _listen_to_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            # Started under nohup, it outlives its terminal.
            if signal.getsignal(number) is not signal.SIG_IGN:
                asyncio.get_running_loop().add_signal_handler(number, self.stop)
