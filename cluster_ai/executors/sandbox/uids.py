"""A user of its own for each attempt, where we are root: a limit on processes does not bind root itself."""

import fcntl
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cluster_ai.core.paths import PRIVATE_DIR, PRIVATE_FILE
from cluster_ai.executors.failures import Failed

COUNT: Final = 4096
FIRST: Final = 2_000_000_000
"""Given to nobody: above the ranges that systemd hands to containers, below 2^31 (systemd's UIDS-GIDS.md)."""
FIRST_IN_CONTAINER: Final = 50_000
"""Where only 65,536 users are mapped; 30000 to 59999 is reserved by Debian's policy (9.2.2)."""
LOCKS: Final = Path("/run/cluster-ai/uids")


@contextmanager
def own_user(locks: Path = LOCKS, *, rng: random.Random | None = None) -> Iterator[int | None]:
    """A user id that nobody else on this machine uses meanwhile; ``None`` where we are not root.

    The lock goes with this process, however that ends. A user whose processes are still there is passed over.

    Raises:
        Failed: ``sandbox_unavailable``, none is free.
    """
    if os.geteuid() != 0:
        yield None
        return
    locks.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
    first = _first()
    start = (rng or random.SystemRandom()).randrange(COUNT)
    for step in range(COUNT):
        uid = first + (start + step) % COUNT
        lock = os.open(locks / str(uid), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
        try:
            if _is_taken(lock) or uid in _present():
                continue
            yield uid
            (locks / str(uid)).unlink(missing_ok=True)
            return
        finally:
            os.close(lock)
    raise Failed("sandbox_unavailable", f"all {COUNT} user ids of tickets are in use")


def _is_taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    # Who had it may have taken the file away between our open and our lock.
    return os.fstat(lock).st_nlink == 0


def _present() -> set[int]:
    """Users that have a process now."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                found.add(entry.stat().st_uid)
            except OSError:
                continue
    return found


def _first() -> int:
    """In a container only some users exist at all."""
    for line in Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines():
        inside, _, count = map(int, line.split())
        if inside <= FIRST and inside + count >= FIRST + COUNT:
            return FIRST
    return FIRST_IN_CONTAINER
