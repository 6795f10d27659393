"""What Dask calls in a worker for attempts at tickets."""

from typing import Any

from distributed import get_worker

from cluster_ai.compute.tickets.words import Errand


def run_attempt(said: dict[str, Any]) -> str:
    """It only waits, in a thread of the worker: that is the slot it takes. Answers how it went, for the log."""
    worker: Any = get_worker()
    outcome: str = worker.tickets.run(Errand.model_validate(said)).value
    return outcome


def run_batch(said: list[dict[str, Any]]) -> str:
    """As ``run_attempt``, for several that go one after the other in one slot."""
    worker: Any = get_worker()
    outcome: str = worker.tickets.run_batch([Errand.model_validate(one) for one in said]).value
    return outcome
