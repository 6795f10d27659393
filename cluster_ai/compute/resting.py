"""Machines that rest get no new tasks; those that they have come to their end.

Whoever decides it (the head, by ``node cordon``) tells all of them each time, so that nobody has to remember what was
told to a scheduler that has been started again since.
"""

from collections.abc import Iterable
from typing import Any, Final

import structlog
from distributed.core import Status
from distributed.diagnostics.plugin import SchedulerPlugin
from distributed.metrics import time as dask_time

from cluster_ai.compute.scaling import node_of

log = structlog.get_logger(__name__)

STREAM: Final = "worker-status-change"
"""By which a worker says that its memory is full, and that it is not any more."""
MOST: Final = 4096
BEFORE: Final = frozenset({Status.init, Status.running, Status.paused})
"""A worker that leaves is left alone."""


class Resting(SchedulerPlugin):
    """Owns which nodes rest. To Dask their workers are paused: they hold and compute what they have."""

    name = "cluster-ai-resting"

    def __init__(self) -> None:
        self._nodes: frozenset[str] = frozenset()
        self._own: dict[str, Status] = {}
        """What workers that rest said of themselves last, by address."""
        self._scheduler: Any = None

    async def start(self, scheduler: Any) -> None:
        """Called by the scheduler before it answers anybody."""
        self._scheduler = scheduler
        scheduler.stream_handlers[STREAM] = self.said

    def rest(self, nodes: Iterable[Any]) -> None:
        """From now on these nodes rest, and no others."""
        named = frozenset(str(node) for node, _ in zip(nodes, range(MOST), strict=False))
        if named == self._nodes:
            return
        log.info("machines rest", nodes=" ".join(sorted(named)))
        self._nodes = named
        for address in list(self._scheduler.workers):
            self._settle(address)

    def add_worker(self, scheduler: Any, worker: str) -> None:  # noqa: ARG002 - the library's signature
        """Called by the scheduler."""
        self._settle(worker)

    def remove_worker(self, scheduler: Any, worker: str, **_more: Any) -> None:  # noqa: ARG002 - the library's signature
        """Called by the scheduler."""
        self._own.pop(worker, None)

    def said(self, status: Any, worker: Any, stimulus_id: str) -> None:
        """What a worker tells of itself counts again when it no longer rests."""
        address = worker if isinstance(worker, str) else worker.address
        own = Status[status] if isinstance(status, str) else status
        if address in self._own and own in BEFORE:
            self._own[address] = own
            return
        self._scheduler.handle_worker_status_change(status, worker, stimulus_id)

    def _settle(self, address: str) -> None:
        state = self._scheduler.workers[address]
        rests = node_of(str(state.name)) in self._nodes
        if rests and address not in self._own and state.status in BEFORE:
            self._own[address] = state.status
            self._become(state, Status.paused)
        elif not rests and address in self._own:
            self._become(state, self._own.pop(address))

    def _become(self, state: Any, status: Status) -> None:
        self._scheduler.handle_worker_status_change(status, state, f"rest-{dask_time()}")
