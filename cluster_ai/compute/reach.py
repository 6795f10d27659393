"""Is there a scheduler? Asked of the socket, which says at once why not."""

import asyncio
import os
import struct

READABLE = ["msgpack"]
"""Plain values only: whoever might sit on the scheduler's port must not run code here by answering a pickle."""

STRANGE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, MemoryError, struct.error)
"""What Dask's reader raises on bytes that no scheduler sent."""


def with_scheme(address: str) -> str:
    """``127.0.0.1:8786`` as Dask wants it: ``tcp://127.0.0.1:8786``."""
    return address if "://" in address else f"tcp://{address}"


async def knock(address: str) -> None:
    """Opens and closes a connection.

    Raises:
        OSError: nobody listens.
    """
    host, _, port = with_scheme(address).partition("://")[2].rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.close()
    await writer.wait_closed()


def reason(exc: OSError) -> str:
    """What the system says about ``exc``, in a few words."""
    return os.strerror(exc.errno).lower() if exc.errno else str(exc) or type(exc).__name__
