"""A cluster that a service keeps running (``scripts/install/runner.sh``): who stops it must hold the service, too.

``run/held`` in the data directory holds it: the number of the process that does, good while that lives, or 0, good
until somebody lets go. A service forgets it when it starts: a machine that boots has its cluster. Without a service
nobody reads it, and none is written.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cluster_ai.cli import ending
from cluster_ai.core import files
from cluster_ai.core.paths import Home

HELD: Final = "held"
RUNNER: Final = "runner.pid"
COMMAND: Final = "cluster-ai-run"
_A_MOMENT: Final = 0.2
"""Longer than a service takes from its look at ``held`` to the start of a process."""


def runner(home: Home) -> int:
    """The process of the service that keeps this cluster running; 0 when there is none."""
    import psutil

    try:
        pid = int((home.run / RUNNER).read_text(encoding="ascii"))
        command = psutil.Process(pid).cmdline()
    except (OSError, ValueError, psutil.Error):
        return 0
    # Its number may have been given to somebody else's process since.
    return pid if any(Path(word).name == COMMAND for word in command) else 0


def stays_stopped(home: Home) -> bool:
    """Whether the cluster was stopped until somebody says ``up``."""
    with contextlib.suppress(OSError):
        return (home.run / HELD).read_text(encoding="ascii").strip() == "0"
    return False


def end(home: Home, *, stay: bool) -> bool:
    """Stops the cluster of ``home`` and has its service, when there is one, start nothing; False when none ran.

    ``stay``: until somebody says ``up``; otherwise while this process lives, or until ``let_go``.

    Raises:
        Unavailable: processes are left that not even SIGKILL ended.
    """
    service = runner(home)
    if not service:
        return ending.end(home)
    files.replace(home.run / HELD, f"{0 if stay else os.getpid()}\n")
    found = ending.end(home)
    time.sleep(_A_MOMENT)
    for pid in _started(service):
        ending.end_process(pid)
        found = True
    return found


def let_go(home: Home) -> None:
    """The service may start the cluster."""
    files.take_away(home.run / HELD)


def _started(service: int) -> Iterator[int]:
    """What it began before it was held, too early to have a lock yet."""
    import psutil

    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(service).children():
            with contextlib.suppress(psutil.Error):
                if "cluster_ai.cli.main" in process.cmdline() and "up" in process.cmdline():
                    yield process.pid
