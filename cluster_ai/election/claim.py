"""One life of a head at a time: a lock on a file of its data directory, which the system takes back when it dies."""

import fcntl
import hashlib
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cluster_ai.core.paths import PRIVATE_FILE

FILE: Final = "leader.lock"
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")


class Claim:
    """The right of a data directory to a term. Two that hold one at the same time have different names."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self.holder = _name_of(handle)

    def try_lock(self) -> bool:
        """Whether it is held; False: an earlier life of this head is not over."""
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


@contextmanager
def opened(folder: Path) -> Iterator[Claim]:
    """The claim of ``folder``; what was locked is free after the block."""
    handle = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        yield Claim(handle)
    finally:
        os.close(handle)


def _name_of(handle: int) -> str:
    """The machine's name, and what no other lock has: this file under this very kernel, since it started.

    A copy of the directory, also one in another virtual machine or volume, is another head.
    """
    stat = os.fstat(handle)
    try:
        boot = _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        # No such kernel: no two lives are known to be one head's, and the next one waits for the end of the term.
        boot = os.urandom(16).hex()
    key = hashlib.sha256(f"{boot} {stat.st_dev} {stat.st_ino}".encode()).hexdigest()[:12]
    return f"{platform.node()[:100] or 'head'}-{key}"
