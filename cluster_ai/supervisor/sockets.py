"""The Unix socket of a data directory.

Its path may be longer than the 108 bytes that the system takes, so the folder is opened first and the socket is
named by that open folder: no second place that would need guarding of its own.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cluster_ai.core.paths import PRIVATE_FILE

NAME: Final = "control.sock"


@contextmanager
def listening(folder: Path) -> Iterator[socket.socket]:
    """A socket that only this user can connect to; one left behind by a killed process is replaced.

    Callers hold the data directory's lock, so nobody listens on the old one.
    """
    (folder / NAME).unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as sock:
        with _short(folder) as path:
            sock.bind(path)
        (folder / NAME).chmod(PRIVATE_FILE)
        sock.listen(16)
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        try:
            yield sock
        finally:
            (folder / NAME).unlink(missing_ok=True)


async def connect(folder: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to whoever listens.

    Raises:
        OSError: nobody does.
    """
    sock = socket.socket(socket.AF_UNIX)
    sock.setblocking(False)  # noqa: FBT003
    try:
        with _short(folder) as path:
            await asyncio.get_running_loop().sock_connect(sock, path)
        return await asyncio.open_unix_connection(sock=sock)
    except BaseException:
        sock.close()
        raise


def is_ours(writer: asyncio.StreamWriter) -> bool:
    """Whether the process at the other end belongs to this user or to root."""
    sock: socket.socket = writer.get_extra_info("socket")
    _pid, uid, _gid = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return uid in {0, os.getuid()}


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{NAME}"
    finally:
        os.close(handle)
