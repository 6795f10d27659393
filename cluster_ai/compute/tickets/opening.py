"""The runner of a Dask worker, put together."""

from pathlib import Path
from typing import Any

from cluster_ai.compute.tickets.line import Head, Line
from cluster_ai.compute.tickets.nursery import Nursery
from cluster_ai.compute.tickets.office import Office
from cluster_ai.compute.tickets.runner import Ground, Runner
from cluster_ai.compute.tickets.words import END

__all__ = ["END", "Head", "ticket_runner"]


def ticket_runner(worker: Any, head: Head, folder: Path) -> Runner:
    """For ``worker``, which reaches the API at ``head``. Nothing is started before the first attempt."""
    limit = worker.memory_manager.memory_limit
    ground = Ground(folder, life=str(worker.id), memory_bytes=int(limit or 0))
    return Runner(Office(Line(head), str(worker.name)), Nursery(), ground)
