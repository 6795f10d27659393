"""Whether a sandbox works on this machine: found by starting one."""

import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from cluster_ai.core.processes import signal_group
from cluster_ai.executors.failures import Failed
from cluster_ai.executors.rooms import Room, hand_over
from cluster_ai.executors.sandbox.running import start
from cluster_ai.executors.sandbox.types import Bounds, Job, Rung
from cluster_ai.executors.sandbox.uids import own_user
from cluster_ai.executors.types import MIB

PROBE_SECONDS: Final = 20.0
_PROBE: Final = Bounds(PROBE_SECONDS, 256 * MIB, 16 * MIB, 0, 16, 64)


def tried(rung: Rung) -> str:
    """Why it does not work; empty when it does."""
    with tempfile.TemporaryDirectory(prefix="cluster-ai-") as folder, own_user() as uid:
        room = Room(Path(folder) / "probe")
        room.make()
        if uid is not None:
            hand_over(room.work, uid)
        try:
            process = start(rung.command(Job(("true",), room, _PROBE), uid))
        except Failed as exc:
            return exc.error
        try:
            said, _ = process.communicate(timeout=PROBE_SECONDS)
        except subprocess.TimeoutExpired:
            signal_group(process.pid, signal.SIGKILL)
            process.communicate()
            return f"it did nothing within {PROBE_SECONDS:g} s"
    if process.returncode == 0:
        return ""
    last = (said.decode("utf-8", "replace").strip().splitlines() or [f"exit {process.returncode}"])[-1]
    return f"{last} (Ubuntu 24.04 and later: an AppArmor profile must allow user namespaces to bwrap)"
