"""Blocks of ports for tests that start a cluster: nobody else on this machine gets the same one.

As a program it prints a base and holds it until its standard input closes: ``python tests/ports.py``.
"""

import fcntl
import socket
import sys
import tempfile
from functools import cache
from io import TextIOWrapper
from pathlib import Path

WIDTH = 20
# Below the ports that the system hands out by itself, above those that people choose.
BASES = range(20_000, 32_000, WIDTH)


@cache
def _held() -> list[TextIOWrapper]:
    """Locks of the blocks that this process has; they end with it, however it ends."""
    return []


def free_base() -> int:
    """The first of 20 ports in a row that are ours until this process ends."""
    folder = Path(tempfile.gettempdir(), "cluster-ai-test-ports")
    folder.mkdir(exist_ok=True)
    for base in BASES:
        lock = (folder / str(base)).open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        if all(_is_free(port) for port in range(base, base + WIDTH)):
            _held().append(lock)
            return base
        lock.close()
    raise RuntimeError("no 20 free ports in a row")


def free_port() -> int:
    """A port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    print(free_base(), flush=True)
    sys.stdin.read()
