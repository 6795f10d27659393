"""The runner of a Dask worker, put together."""

from pathlib import Path
from typing import Any

from cluster_ai.compute.tickets.doing import Doer, Nursery
from cluster_ai.compute.tickets.folders import REPORTS
from cluster_ai.compute.tickets.line import Head, Line
from cluster_ai.compute.tickets.office import Office
from cluster_ai.compute.tickets.runner import Runner
from cluster_ai.compute.tickets.telling import Teller
from cluster_ai.compute.tickets.words import END

__all__ = ["END", "Head", "ticket_runner"]


def ticket_runner(worker: Any, head: Head, folder: Path) -> Runner:
    """For ``worker``, which reaches the API at ``head``. Nothing is started before the first attempt."""
    limit = worker.memory_manager.memory_limit
    office = Office(Line(head), str(worker.name))
    return Runner(folder, Doer(office, Nursery(), int(limit or 0)), Teller(office, folder / REPORTS), str(worker.id))
