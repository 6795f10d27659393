"""Disks for tests: small ones, real ones in a file, files that nobody can change. They end with the process.

Before the first of them this process gets mounts of its own, which nobody else sees: however it ends, also by
``kill -9``, the kernel takes them back with it, the loop devices below them, and the marks on files that lie on them.
"""

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

CLONE_NEWNS: Final = 0x00020000
MS_REC_PRIVATE: Final = 0x4000 | 0x40000
MEGABYTE: Final = 1024 * 1024


def run(*words: str | Path) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words[0]} failed (this test needs root and loop mounts): {done.stderr.strip()}"


@cache
def own_mounts() -> None:
    """What is mounted from here on is seen by this thread, and by threads and programs that it starts."""
    libc = ctypes.CDLL(None, use_errno=True)
    # unshare() of Python comes with 3.12.
    assert libc.unshare(CLONE_NEWNS) == 0, f"mounts of one's own: {os.strerror(ctypes.get_errno())} (needs root)"
    assert libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None) == 0, os.strerror(ctypes.get_errno())


@contextlib.contextmanager
def mounted(image: Path, folder: Path) -> Iterator[Path]:
    """The file system in ``image``, at ``folder``."""
    own_mounts()
    folder.mkdir(exist_ok=True)
    run("mount", "-o", "loop", image, folder)
    try:
        yield folder
    finally:
        run("umount", folder)


@contextlib.contextmanager
def real_disk(folder: Path, *, megabytes: int = 16) -> Iterator[Path]:
    """A fresh ext4 of its own in a file beside, at ``folder``."""
    image = folder.with_name(f"{folder.name}.img")
    with image.open("wb") as file:
        file.truncate(megabytes * MEGABYTE)
    run("mkfs.ext4", "-q", "-F", image)
    with mounted(image, folder) as disk:
        yield disk


@contextlib.contextmanager
def small_room(folder: Path, *, megabytes: int = 2) -> Iterator[Path]:
    """A file system in memory, at ``folder``, that is full soon: what does not fit is refused with ENOSPC."""
    own_mounts()
    folder.mkdir(exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder)
    try:
        yield folder
    finally:
        run("umount", folder)


@contextlib.contextmanager
def immutable(*files: Path) -> Iterator[None]:
    """Nobody can change these, not even root, who passes over permissions; open files with them. On a disk of ours."""
    assert all(file.stat().st_dev != Path(__file__).stat().st_dev for file in files), "a mark on a real disk would stay"
    run("chattr", "+i", *files)
    try:
        yield
    finally:
        run("chattr", "-i", *files)


def filled(folder: Path, *, leave: int = 0) -> Path:
    """A file there that takes all that is left but ``leave`` bytes."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    os.truncate(ballast, max(0, ballast.stat().st_size - leave))
    return ballast
