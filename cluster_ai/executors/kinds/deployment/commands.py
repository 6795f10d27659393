"""Tools of the machine that a deployment calls: found by name, bounded in time, their complaint told."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from typing import Final

from cluster_ai.executors.kind import Failed
from cluster_ai.executors.stopping import Stop

SECONDS: Final = 300.0
_NAMES: Final = ("PATH", "HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "DBUS_SESSION_BUS_ADDRESS", "DOCKER_HOST")


def tool(argv: Sequence[str], stop: Stop | None, *, seconds: float = SECONDS) -> subprocess.CompletedProcess[str]:
    """Runs it to its end. Without ``stop`` nobody ends it half-way: for the way back.

    Raises:
        Failed: ``tool_missing`` or ``timed_out``.
    """
    program = shutil.which(argv[0])
    if program is None:
        raise Failed("tool_missing", f"{argv[0]} is not installed on this machine")
    env = {name: os.environ[name] for name in _NAMES if name in os.environ}

    def work() -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own words
            [program, *argv[1:]], env=env, capture_output=True, text=True, timeout=seconds, check=False
        )

    try:
        return work() if stop is None else stop.during(work)
    except subprocess.TimeoutExpired as exc:
        raise Failed("timed_out", f"{argv[0]} was not done within {seconds:g} s") from exc


def complaint(done: subprocess.CompletedProcess[str]) -> str:
    """The last of what it said."""
    said = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return said[-1][:300] if said else f"exit {done.returncode}"
