"""Disks on which models and data lie."""

import os
from collections.abc import Iterable
from pathlib import Path

from cluster_ai.nodes.inventory import Disk


def disks(folders: Iterable[Path]) -> tuple[Disk, ...]:
    """One for each file system that holds any of ``folders``, named by the first of them.

    Blocks when one lies on a server that is gone.
    """
    found: dict[int, Disk] = {}
    for folder in folders:
        try:
            there = _there(folder)
            device = there.stat().st_dev
            if device not in found:
                found[device] = _disk(folder, os.statvfs(there))
        except OSError:
            continue
    return tuple(found.values())


def _there(folder: Path) -> Path:
    """The folder, or the nearest above it that exists: it may be made only when it is needed."""
    return next((path for path in (folder, *folder.parents) if path.exists()), folder)


def _disk(folder: Path, told: os.statvfs_result) -> Disk:
    return Disk(
        path=str(folder).encode("utf-8", "replace").decode()[:256],
        total=told.f_blocks * told.f_frsize,
        # Blocks that are kept for root are not ours to fill.
        free=told.f_bavail * told.f_frsize,
    )
