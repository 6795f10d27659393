"""Counts of tasks that outlive the tasks: Dask forgets a task when its client lets go of the result."""

from typing import Any

from distributed.diagnostics.plugin import SchedulerPlugin

OPERATION = "cluster_ai_task_totals"
"""Name under which the scheduler answers ``TaskTotals.view``."""
WAITING = ("waiting", "queued", "no-worker")


class TaskTotals(SchedulerPlugin):
    """Teaches the scheduler one more question: how many tasks of each prefix are in which state."""

    name = "cluster-ai-task-totals"

    def __init__(self) -> None:
        self._scheduler: Any = None

    async def start(self, scheduler: Any) -> None:
        """Called by the scheduler once it listens."""
        self._scheduler = scheduler
        scheduler.handlers[OPERATION] = self.view

    def view(self) -> dict[str, dict[str, int]]:
        """By prefix: waiting and processing now; finished and erred since the scheduler started."""
        return {name: _counts(prefix) for name, prefix in self._scheduler.task_prefixes.items()}


def _counts(prefix: Any) -> dict[str, int]:
    return {
        "waiting": sum(prefix.states[state] for state in WAITING),
        "processing": prefix.states["processing"],
        "finished": prefix.state_counts["memory"],
        "erred": prefix.state_counts["erred"],
    }
