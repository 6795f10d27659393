"""One supervisor a data directory: a lock that the system takes back when its owner dies, however it dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from cluster_ai.core.errors import Conflict
from cluster_ai.core.paths import PRIVATE_FILE, Home


class AlreadyRuns(Conflict):
    """A supervisor looks after this data directory already."""

    code = "already_runs"


class RestoreUnfinished(Conflict):
    """A restore was interrupted in this data directory: half of it is old, half of it new."""

    code = "restore_unfinished"


@contextmanager
def only_one(home: Home, *, restoring: bool = False) -> Iterator[None]:
    """Holds the data directory for this process; ``restoring``: for one that ends what a restore has begun.

    Raises:
        AlreadyRuns: another process holds it.
        RestoreUnfinished: a restore was interrupted there.
    """
    handle = os.open(home.run / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            owner = os.pread(handle, 32, 0).decode("ascii", errors="replace").strip()
            raise AlreadyRuns(
                f"the cluster in {home.root} runs already (process {owner or 'unknown'})",
                hint="cluster-ai status, or another CLUSTER_AI_HOME for a second cluster",
            ) from exc
        if home.restoring.exists() and not restoring:
            raise RestoreUnfinished(
                f"a restore of {home.root} was interrupted", hint="cluster-ai backup finish, then start again"
            )
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)
