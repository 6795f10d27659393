"""Listening sockets that outlive processes: bound here, or handed down by whoever started this process.

A supervisor (ours, or systemd) that holds the socket keeps its queue of connections: while no process accepts, clients
wait instead of being refused.
"""

import os
import socket
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cluster_ai.core.errors import Conflict
from cluster_ai.core.paths import PRIVATE_FILE
from cluster_ai.core.processes import exists

BACKLOG: Final = 2048
HANDED: Final = "CLUSTER_AI_LISTEN_FD"
"""Environment variable with the number of the listening socket that our supervisor hands down."""
_FIRST_OF_SYSTEMD: Final = 3


class PortTaken(Conflict):
    """Another program listens there."""

    code = "port_taken"


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        PortTaken: something else has the port.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named: with 0 the plain asyncio loop leaves Nagle on, and each streamed token waits 40 ms.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError as exc:
        sock.close()
        raise PortTaken(
            f"port {port} on {host} cannot be used: {exc.strerror}",
            hint="stop the program that has it, or start with --port-base",
        ) from exc
    sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return sock


def listening(host: str, port: int, env: MutableMapping[str, str] | None = None) -> socket.socket:
    """The socket that was handed down to this process, else a new one.

    Raises:
        PortTaken: there was none, and something else has the port.
    """
    env = os.environ if env is None else env
    number = handed_down(env, pid=os.getpid())
    # What this process starts must not take the number for its own.
    for name in (HANDED, "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"):
        env.pop(name, None)
    return bind(host, port) if number is None else _taken(number)


def handed_down(env: Mapping[str, str], *, pid: int) -> int | None:
    """The number of an inherited listening socket: our supervisor's, or the first of systemd's; None without one."""
    number = env.get(HANDED, "")
    if number.isdecimal():
        return int(number)
    count = env.get("LISTEN_FDS", "")
    # systemd names the process it means: the variables are inherited by others, too.
    if count.isdecimal() and int(count) > 0 and env.get("LISTEN_PID") == str(pid):
        return _FIRST_OF_SYSTEMD
    return None


@contextmanager
def listening_in(folder: Path, name: str) -> Iterator[socket.socket]:
    """A Unix socket that only this user can connect to; one left behind under that name is replaced.

    Callers make sure that nobody listens on the old one.
    """
    (folder / name).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as sock:
        with short(folder, name) as path:
            sock.bind(path)
        (folder / name).chmod(PRIVATE_FILE)
        sock.listen(16)
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        try:
            yield sock
        finally:
            (folder / name).unlink(missing_ok=True)


def door_of(folder: Path, name: str, pid: int) -> Path:
    """The Unix socket at which one process of several that share a port is asked by itself."""
    return folder / f"{name}.{pid}.sock"


def doors_in(folder: Path, name: str) -> dict[int, Path]:
    """The doors of that name by process; one that was killed leaves its own behind."""
    found = {path.name.split(".")[-2]: path for path in folder.glob(f"{name}.*.sock")}
    return {int(pid): path for pid, path in sorted(found.items()) if pid.isdecimal()}


def sweep(folder: Path, name: str) -> None:
    """Takes away the doors of processes that are no more."""
    for pid, path in doors_in(folder, name).items():
        if not exists(pid):
            path.unlink(missing_ok=True)


@contextmanager
def short(folder: Path, name: str) -> Iterator[str]:
    """A path of the socket that is short enough for the system's 108 bytes, as long as the block lasts."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{name}"
    finally:
        os.close(handle)


def _taken(number: int) -> socket.socket:
    try:
        sock = socket.socket(fileno=number)
        is_listening = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError as exc:
        raise PortTaken(f"the socket {number} that was handed down cannot be used: {exc.strerror}") from exc
    if not is_listening:
        sock.listen(BACKLOG)
    sock.set_inheritable(False)
    sock.setblocking(False)  # noqa: FBT003
    return sock
