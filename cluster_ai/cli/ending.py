"""Ending a cluster and being sure of it: answers only when none of its processes is left."""

import contextlib
import os
import signal
import time
from typing import TYPE_CHECKING, Final

from cluster_ai.cli.place import forget
from cluster_ai.cli.watching import look_if_any
from cluster_ai.core.errors import Unavailable
from cluster_ai.core.paths import Home

if TYPE_CHECKING:
    import psutil

PATIENCE_SECONDS: Final = 20.0
"""Longer than any supervisor takes by itself; then it is killed, and its parts die with it."""
_PAUSE = 0.05


def end(home: Home) -> bool:
    """Stops the cluster of ``home``; False when none ran.

    Raises:
        Unavailable: processes are left that not even SIGKILL ended.
    """
    found = look_if_any(home)
    pid = found.pid if found else holder(home)
    if not pid:
        return False
    end_process(pid)
    forget(home)
    return True


def end_process(pid: int) -> None:
    """Asks a supervisor to stop, then kills what is left of it and of all that it started.

    Raises:
        Unavailable: processes are left that not even SIGKILL ended.
    """
    members = family(pid)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    left = _gone(members, PATIENCE_SECONDS)
    for process in left:
        _kill(process)
    if left := _gone(left, 3.0):
        raise Unavailable(f"these processes do not end: {', '.join(str(process.pid) for process in left)}")


def holder(home: Home) -> int:
    """The supervisor that has ``home`` but does not answer; 0 when there is none."""
    import psutil

    try:
        pid = int((home.run / "supervisor.lock").read_text(encoding="ascii"))
        command = psutil.Process(pid).cmdline()
    except (OSError, ValueError, psutil.Error):
        return 0
    # Its number may have been given to somebody else's process since.
    return pid if any("cluster_ai" in word or "cluster-ai" in word for word in command) else 0


def family(pid: int) -> "list[psutil.Process]":
    """A process and all that came from it; empty when it is gone."""
    import psutil

    try:
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _gone(members: "list[psutil.Process]", seconds: float) -> "list[psutil.Process]":
    """Those that are still there after at most ``seconds``."""
    end_at = time.monotonic() + seconds
    while (left := [process for process in members if is_alive(process)]) and time.monotonic() < end_at:
        time.sleep(_PAUSE)
    return left


def is_alive(process: "psutil.Process") -> bool:
    """Whether it still runs; one that only waits to be reaped by its parent does not."""
    import psutil

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _kill(process: "psutil.Process") -> None:
    import psutil

    try:
        process.kill()
    except psutil.NoSuchProcess:
        return
