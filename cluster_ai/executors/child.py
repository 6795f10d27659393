"""The process of one attempt: ``python -m cluster_ai.executors.child FOLDER``. See ``contract.py`` for what it says."""

import os
import signal
import sys
from pathlib import Path
from typing import Final

import psutil

from cluster_ai.core.errors import Misconfigured
from cluster_ai.core.processes import adopt_orphans, tie_to_parent
from cluster_ai.executors.attempt import attempted, told
from cluster_ai.executors.machine import means_of, own_settings, prepare
from cluster_ai.executors.rooms import Room
from cluster_ai.executors.speaking import Speaker
from cluster_ai.executors.stopping import Stop

__all__ = ["main", "prepare"]

_KIB: Final = 1024


def main(folder: Path) -> int:
    """Does what the order asks, and says how it went."""
    stop = Stop()
    signal.signal(signal.SIGTERM, stop.ask)
    signal.signal(signal.SIGINT, stop.ask)
    tie_to_parent()
    adopt_orphans()
    try:
        settings = own_settings()
    except Misconfigured as exc:
        Speaker(0).result(told(exc))
        return 0
    speaker = Speaker(settings.log_kib * _KIB)
    result = attempted(folder, means_of(settings, stop, folder), speaker)
    _end_all_below()
    Room(folder).clear()
    speaker.result(result)
    return 0


def _end_all_below() -> None:
    """What a program without a sandbox has left behind is our child by now, wherever it went."""
    left = psutil.Process().children(recursive=True)
    for process in left:
        try:
            process.kill()
        except psutil.Error:
            continue
    psutil.wait_procs(left, timeout=5)


if __name__ == "__main__":
    code = main(Path(sys.argv[1]).absolute())
    # Threads that still wait for a model must not be waited for.
    os._exit(code)
