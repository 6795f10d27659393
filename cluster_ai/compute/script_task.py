"""What Dask calls in a worker to run a script; apart from the other tasks, whose libraries the desk needs not."""

from pathlib import Path
from typing import Any, Final

from distributed import get_worker
from distributed.utils import sync

from cluster_ai.executors import script

CLAIM: Final = "cluster_ai_job_claim"
"""Name under which the scheduler says whether a worker may begin a script."""


def run_script(asked: script.Script) -> script.Ran:
    """Runs somebody's file. It only waits, in a thread of the worker: that is the slot it takes."""
    worker: Any = get_worker()
    may = sync(worker.loop, getattr(worker.scheduler, CLAIM), job_id=asked.id, worker=str(worker.name))
    if not may:
        # Dask tries a task again whose worker died; a script may have done half of its work by then.
        return script.Ran("", lost=True)
    ran: script.Ran = worker.scripts.run(asked, Path(worker.local_directory))
    return ran
