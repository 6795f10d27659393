"""A client who does not read, told from one who reads slowly.

The system takes more for a slow one only when a third of its buffer is free: until then the connection looks the same
as that of a client who takes nothing.
"""

import asyncio
import fcntl
import struct
import termios
from typing import Final

_COUNT: Final = struct.Struct("i")


class Unread:
    """Ends a connection that waits to be written to, when less than ``slowest`` bytes a second are taken from it.

    Looked at twice in ``seconds``: to measure is a call of the system, which those who read never need.
    """

    __slots__ = ("_left", "_loop", "_pause", "_slowest", "_timer", "_transport")

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, *, seconds: float, slowest: int
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._pause = seconds / 2
        self._slowest = slowest
        self._left: int | None = None
        """Bytes that were not taken when it was looked at last."""
        self._timer = loop.call_later(self._pause, self._look)

    def close(self) -> None:
        """The connection can be written to again, or is none any more."""
        self._timer.cancel()

    def _look(self) -> None:
        left = _untaken(self._transport)
        if self._left is not None and self._left - left < self._slowest * self._pause:
            self._transport.abort()
            return
        self._left = left
        self._timer = self._loop.call_later(self._pause, self._look)


def _untaken(transport: asyncio.Transport) -> int:
    """Bytes that wait in this process and in the system; of the latter none where it does not tell."""
    waiting = transport.get_write_buffer_size()
    sock = transport.get_extra_info("socket")
    try:
        (unsent,) = _COUNT.unpack(fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(_COUNT.size)))
    except OSError:
        return waiting
    return waiting + int(unsent)
