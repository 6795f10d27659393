"""What the processes of one run hold, in memory and on disk."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import psutil

from cluster_ai.executors.failures import Failed
from cluster_ai.executors.rooms import Room, walk
from cluster_ai.executors.sandbox.types import Bounds

_BLOCK = 512
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes. ``free``: what is left on the disk that it writes to."""

    memory: int
    disk: int
    free: int
    processes: int


def measure(pid: int, room: Room, uid: int | None = None) -> Usage:
    """What the process ``pid`` and all below it hold now, and with it all that are of the user ``uid``.

    Raises:
        Failed: ``disk_exceeded``, its folders cannot be counted any more.
    """
    processes = list({*_family(pid), *(_of_user(uid) if uid is not None else ())})
    disk = sum(_size(told) for folder in (room.work, room.tmp) for _, told in walk(folder))
    return Usage(
        memory=sum(_resident(process) for process in processes),
        disk=disk + sum(_unnamed(process.pid) for process in processes),
        free=shutil.disk_usage(room.folder).free,
        processes=len(processes),
    )


def complaint(usage: Usage, bounds: Bounds) -> Failed | None:
    """What is too much."""
    if usage.disk > bounds.disk:
        return Failed("disk_exceeded", f"it wrote {usage.disk} bytes; {bounds.disk} are allowed")
    if usage.free < bounds.free_disk:
        return Failed("disk_low", f"{usage.free} bytes are left on the disk; {bounds.free_disk} must stay free")
    if usage.memory > bounds.memory:
        return Failed("memory_exceeded", f"it held {usage.memory} bytes of memory; {bounds.memory} are allowed")
    return None


def _size(told: os.stat_result) -> int:
    # Blocks and not the length: a file with holes takes no disk.
    return told.st_blocks * _BLOCK


def _family(pid: int) -> list[psutil.Process]:
    try:
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    except psutil.Error:
        return []


def _of_user(uid: int) -> list[psutil.Process]:
    """A container's processes are below its engine, not below us; but they are a user of their own."""
    return [each for each in psutil.process_iter(["uids"]) if each.info["uids"] and each.info["uids"].real == uid]


def _resident(process: psutil.Process) -> int:
    """Its part of what is in memory and in no file: pages that several share count once, spread over them."""
    try:
        with open(f"/proc/{process.pid}/smaps_rollup", encoding="ascii") as lines:  # noqa: PTH123 - once a glance
            return sum(_KIB * int(line.split()[1]) for line in lines if line.startswith(("Pss_Anon:", "Pss_Shmem:")))
    except OSError:
        return 0


def _unnamed(pid: int) -> int:
    """Bytes of files that have no name any more and are still open: they fill a disk as well."""
    found: dict[tuple[int, int], int] = {}
    try:
        files = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return 0
    for file in files:
        try:
            told = file.stat()
        except OSError:
            continue
        if told.st_nlink == 0:
            found[told.st_dev, told.st_ino] = _size(told)
    return sum(found.values())
