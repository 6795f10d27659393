"""The body of an answer, read to its end and not beyond what it may be.

A stream's own ``read(n)`` answers what has arrived so far: a body of several packets would be cut in the middle.
"""

from typing import Protocol


class Stream(Protocol):
    """``aiohttp.StreamReader``."""

    async def read(self, n: int = -1, /) -> bytes: ...


class TooMuch(OSError):
    """The body is longer than its reader takes. An ``OSError``, as whatever else goes wrong with a connection."""


async def read_whole(stream: Stream, most: int) -> bytes:
    """All of it.

    Raises:
        TooMuch: it is longer than ``most`` bytes.
    """
    pieces, size = [], 0
    while piece := await stream.read(most - size + 1):
        pieces.append(piece)
        size += len(piece)
        if size > most:
            raise TooMuch(None, f"answered more than {most >> 10} KiB")
    return b"".join(pieces)


async def read_up_to(stream: Stream, most: int) -> bytes:
    """Its first ``most`` bytes, or all of it: for texts that are told and not understood."""
    pieces, size = [], 0
    while size < most and (piece := await stream.read(most - size)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)
