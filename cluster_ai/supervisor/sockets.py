"""The Unix socket of a data directory, and those of single processes beside it."""

import asyncio
import os
import socket
import struct
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from cluster_ai.core.sockets import listening_in, short

NAME: Final = "control.sock"


def listening(folder: Path) -> AbstractContextManager[socket.socket]:
    """A socket that only this user can connect to; one left behind by a killed process is replaced.

    Callers hold the data directory's lock, so nobody listens on the old one.
    """
    return listening_in(folder, NAME)


async def connect(folder: Path, name: str = NAME) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to whoever listens.

    Raises:
        OSError: nobody does.
    """
    sock = socket.socket(socket.AF_UNIX)
    sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
    try:
        with short(folder, name) as path:
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
