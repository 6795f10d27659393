"""Sees a worker that is gone without a word (power cut, cable, stopped machine) in seconds, not in half a minute.

A silent worker is not yet a dead one: a task may hold the GIL. Its nanny is another process, so it is asked. Only
when the nanny stays silent, too, is the worker removed and its tasks go elsewhere.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from distributed import rpc
from distributed.diagnostics.plugin import SchedulerPlugin
from distributed.metrics import time as dask_time

from cluster_ai.core.loops import every

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """Times in seconds."""

    look: float = 0.5
    """Pause between two looks."""
    silence: float = 3.0
    """A worker is asked after when its last heartbeat is older than this."""
    answer: float = 1.0
    """Time that a nanny gets for one answer."""
    tries: int = 2


def silent(last_seen: Mapping[str, float], now: float, limit: float) -> list[str]:
    """Addresses not heard of for longer than ``limit`` seconds."""
    return [address for address, seen in last_seen.items() if now - seen > limit]


class Liveness(SchedulerPlugin):
    """Removes workers whose nanny does not answer. Owns the loop that looks after them."""

    name = "cluster-ai-liveness"

    def __init__(self, patience: Patience = Patience()) -> None:
        self._patience = patience
        self._scheduler: Any = None
        self._loop: asyncio.Task[None] | None = None
        self._asking: set[str] = set()

    async def start(self, scheduler: Any) -> None:
        """Called by the scheduler once it listens."""
        self._scheduler = scheduler
        self._loop = asyncio.create_task(every(self._patience.look, self.tick, name="liveness"))

    async def before_close(self) -> None:
        """Called by the scheduler before it ends its connections."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait([self._loop])

    async def tick(self) -> None:
        """One look at every worker; the silent ones are asked after at the same time."""
        seen = {address: state.last_seen for address, state in self._scheduler.workers.items() if state.nanny}
        quiet = silent(seen, dask_time(), self._patience.silence)
        async with asyncio.TaskGroup() as group:
            for address in quiet:
                group.create_task(self._ask_after(address))

    async def _ask_after(self, address: str) -> None:
        state = self._scheduler.workers[address]
        seen = state.last_seen
        for _ in range(self._patience.tries):
            if await self._answers(state.nanny):
                return
        current = self._scheduler.workers.get(address)
        # It may have spoken, left or been replaced while its nanny was asked.
        if current is not state or state.last_seen != seen:
            return
        silence = round(dask_time() - seen, 1)
        log.warning("worker removed: it and its nanny are silent", worker=state.name, address=address, silence=silence)
        await self._scheduler.remove_worker(address, stimulus_id=f"silent-{dask_time()}")

    async def _answers(self, nanny: str) -> bool:
        args = self._scheduler.connection_args
        try:
            async with asyncio.timeout(self._patience.answer):
                async with rpc(nanny, connection_args=args) as called:  # type: ignore[no-untyped-call]
                    await called.identity()
        except (TimeoutError, OSError):
            return False
        return True
