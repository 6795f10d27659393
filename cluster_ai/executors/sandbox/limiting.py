"""Limits that the kernel holds for each process, set by prlimit(1) before the program begins."""

import math
import os
import re
from collections.abc import Sequence
from typing import Final

import psutil

from cluster_ai.executors.sandbox.types import Bounds

SLACK: Final = 1024**2
"""A file may be so much longer than the disk allows, so that too much shows as too much, and not as a signal."""
OVERHEAD: Final = 3
"""Processes of the same user that are ours: the sandbox's own, inside and outside."""


def limited(bounds: Bounds, *, alone: bool = True) -> Sequence[str]:
    """The beginning of a command line. ``alone``: nobody else's processes count as this user's.

    Inside of a user namespace RLIMIT_NPROC counts what is in it (Linux 5.14); a program without a sandbox is one
    of all that its user runs.
    """
    # Data and not address space: programs that reserve much and use little (Go, Node.js) start, too.
    limits = {
        "data": bounds.memory,
        "fsize": bounds.disk + SLACK,
        "nofile": bounds.open_files,
        "cpu": math.ceil(bounds.seconds * (os.cpu_count() or 1)) + 1,
        "core": 0,
        "memlock": 0,
    }
    if alone:
        limits["nproc"] = bounds.processes + OVERHEAD + _counted_too()
    return ("prlimit", *(f"--{name}={value}:{value}" for name, value in limits.items()), "--")


def _counted_too() -> int:
    """Linux before 5.14 counts all threads of a user, in whatever namespace; root's tickets are users of their own."""
    release = tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])
    if release >= (5, 14) or os.geteuid() == 0:
        return 0
    mine = [each for each in psutil.process_iter(["uids", "num_threads"]) if each.info["uids"]]
    return sum(each.info["num_threads"] or 0 for each in mine if each.info["uids"].real == os.getuid())
