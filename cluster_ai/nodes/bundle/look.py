"""What the installer must know of a machine before it changes anything. Python's own library alone."""

import errno
import platform
import shutil
import socket
from pathlib import Path
from typing import Final

PORTS: Final = {
    "agent": 11_437,
    "node": 11_436,
    "worker": 8790,
    "nanny": 8791,
    "backend": 8000,
    "gateway": 11_435,
    "scheduler": 8786,
    "dask_dashboard": 8787,
}
"""At which the parts of a machine, and of a head, listen by default..."""
OFFSETS: Final = {
    "agent": 7,
    "node": 2,
    "worker": 8,
    "nanny": 9,
    "backend": 0,
    "gateway": 1,
    "scheduler": 3,
    "dask_dashboard": 4,
}
"""... and behind a base, when one is set. A test compares both with the settings."""
OLDEST_C_LIBRARY: Final = (2, 28)
"""The compiled packages are made for it (manylinux_2_28)."""
_TCP_STATES: Final = frozenset({"0A"})


def ports(base: str) -> dict[str, int]:
    """By the name of the part; ``base`` is ``CLUSTER_AI_PORT_BASE`` or empty."""
    return {name: int(base) + offset for name, offset in OFFSETS.items()} if base.isdecimal() else dict(PORTS)


def is_free(port: int) -> bool:
    """Whether something of ours could listen there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("0.0.0.0", port))  # noqa: S104 - asks for every address, and never listens
        except OSError as exc:
            return exc.errno != errno.EADDRINUSE
    return True


def owner_of(port: int) -> str:
    """Name of the program that listens at a port, when this user may know it."""
    try:
        inodes = {
            fields[9]
            for name in ("tcp", "tcp6")
            for line in Path("/proc/net", name).read_text(encoding="ascii").splitlines()[1:]
            if (fields := line.split())[3] in _TCP_STATES and int(fields[1].rpartition(":")[2], 16) == port
        }
    except (OSError, ValueError, IndexError):
        return ""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink())[8:-1] in inodes:
                return (link.parents[1] / "comm").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            continue
    return ""


def c_library() -> tuple[str, bool]:
    """Name and version of the C library, and whether compiled packages run with it."""
    if platform.system() != "Linux":
        return platform.system(), True
    name, version = platform.libc_ver()
    try:
        numbers = tuple(int(part) for part in version.split(".")[:2])
    except ValueError:
        numbers = ()
    return f"{name or 'unknown'} {version}".strip(), name == "glibc" and numbers >= OLDEST_C_LIBRARY


def free_bytes(folder: Path) -> int:
    """What this user may still write where ``folder`` is, or will be."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def memory_bytes() -> int:
    """Of the machine; 0 when it does not tell."""
    try:
        first = Path("/proc/meminfo").read_text(encoding="ascii").split(None, 2)
        return int(first[1]) * 1024
    except (OSError, ValueError, IndexError):
        return 0
