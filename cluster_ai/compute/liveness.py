"""Sees a worker that is gone without a word (power cut, cable, stopped machine) in seconds, not in half a minute.

A silent worker is not yet a dead one: a task may hold the GIL. Its nanny is another process, so it is asked. Only
when the nanny stays silent, too, is the worker removed and its tasks go elsewhere; one whose nanny answers, and that
says nothing for much longer, is stuck and started anew. All times are those of ``Hearing``: while the scheduler itself
is held up, nobody is silent. Dask's own limit (``worker-ttl``) goes by the time of day: a clock that is set forward,
as on a machine that learns the time after its boot, would start all workers anew, and what they do would be lost.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog
from distributed import rpc
from distributed.diagnostics.plugin import SchedulerPlugin
from distributed.metrics import time as dask_time

from cluster_ai.compute.hearing import Hearing, Silences
from cluster_ai.core.loops import every

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """Times in seconds."""

    pulse: float = 0.25
    """Between two beats of the clock of what could be heard."""
    look: float = 0.5
    """Pause between two looks."""
    silence: float = 3.0
    """A worker is asked after when its last heartbeat is older than this."""
    stuck: float = 60.0
    """A worker is started anew, or removed if nobody can do that, when it is older than this: longer than the longest
    task that holds the GIL.
    """
    answer: float = 1.0
    """Time that a nanny gets for one answer."""
    tries: int = 2


class Liveness(SchedulerPlugin):
    """Removes workers whose nanny does not answer. Owns the loop that looks after them."""

    name = "cluster-ai-liveness"

    def __init__(self, patience: Patience = Patience()) -> None:
        self._patience = patience
        self._scheduler: Any = None
        self._loops: list[asyncio.Task[None]] = []
        self._hearing = Hearing(patience.pulse)
        self._silences = Silences()

    async def start(self, scheduler: Any) -> None:
        """Called by the scheduler once it listens."""
        self._scheduler = scheduler
        self._loops = [
            asyncio.create_task(every(self._patience.pulse, self._hearing.beat, name="hearing")),
            asyncio.create_task(every(self._patience.look, self.tick, name="liveness")),
        ]

    async def before_close(self) -> None:
        """Called by the scheduler before it ends its connections."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)

    async def tick(self) -> None:
        """One look at every worker; the silent ones are asked after at the same time."""
        seen = {address: state.last_seen for address, state in self._scheduler.workers.items()}
        quiet = self._silences.longer_than(self._patience.silence, seen, self._hearing.seconds)
        async with asyncio.TaskGroup() as group:
            for address in quiet:
                group.create_task(self._ask_after(address))

    async def _ask_after(self, address: str) -> None:
        state = self._scheduler.workers[address]
        seen = state.last_seen
        is_kept = not state.nanny or await self._has_a_keeper(state.nanny)
        is_stuck = self._silences.of(address, self._hearing.seconds) > self._patience.stuck
        current = self._scheduler.workers.get(address)
        # It may have spoken, left or been replaced while its nanny was asked.
        if (is_kept and not is_stuck) or current is not state or state.last_seen != seen:
            return
        silence = round(self._silences.of(address, self._hearing.seconds), 1)
        about = {"worker": state.name, "address": address, "silence": silence}
        why = f"silent-{dask_time()}"
        if is_kept and state.nanny:
            log.warning("worker is started anew: it is stuck, and its nanny is not", **about)
            await self._scheduler.restart_workers([address], wait_for_workers=False, stimulus_id=why)
            return
        log.warning("worker removed: it and its nanny are silent", **about)
        await self._scheduler.remove_worker(address, stimulus_id=why)

    async def _has_a_keeper(self, nanny: str) -> bool:
        for _ in range(self._patience.tries):
            if await self._answers(nanny):
                return True
        return False

    async def _answers(self, nanny: str) -> bool:
        try:
            await self._hearing.within(self._patience.answer, self._greet(nanny))
        except (TimeoutError, OSError):
            return False
        return True

    async def _greet(self, nanny: str) -> None:
        args = self._scheduler.connection_args
        async with rpc(nanny, connection_args=args) as called:  # type: ignore[no-untyped-call]
            await called.identity()
