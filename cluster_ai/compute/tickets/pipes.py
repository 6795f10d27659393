"""A child with what it says, read as lines, from one order to the next."""

import json
import os
import selectors
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cluster_ai.compute.tickets.nursery import Child

LONGEST: Final = 1024 * 1024
"""Bytes of one line; a longer one is cut off."""
PIECE: Final = 65_536
OUT: Final = "out"
ERR: Final = "err"
TOLD: Final = "told"
"""What a line was read from."""
Heard = Callable[[str, bytes], None]
"""Source and line. An end of a source is told by a call with no bytes; no line is empty else."""


class Pipes:
    """Owns the child's ends here. For one thread."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self._number = 0
        self._sources = selectors.DefaultSelector()
        self._lines = {OUT: _Lines(), ERR: _Lines(), TOLD: _Lines()}
        for source, descriptor in ((OUT, child.out), (ERR, child.err), (TOLD, child.told)):
            self._sources.register(descriptor, selectors.EVENT_READ, source)
        self._open = len(self._lines)

    def give(self, folder: Path) -> int:
        """Feeds it an order; the number by which it speaks of that.

        Raises:
            BrokenPipeError: it takes none any more.
        """
        self._number += 1
        # Shorter than what a pipe takes whole.
        os.write(self.child.orders, json.dumps({"of": self._number, "folder": str(folder)}).encode() + b"\n")
        return self._number

    @property
    def are_open(self) -> bool:
        """Whether anything can still come."""
        return self._open > 0

    @contextmanager
    def woken_by(self, descriptor: int) -> Iterator[None]:
        """``read`` comes back when this can be read, too."""
        self._sources.register(descriptor, selectors.EVENT_READ, "")
        try:
            yield
        finally:
            self._sources.unregister(descriptor)

    def read(self, seconds: float, heard: Heard) -> None:
        """What there is, or comes within ``seconds``."""
        for key, _ in self._sources.select(seconds):
            if not key.data:
                continue
            piece = os.read(key.fd, PIECE)
            for line in self._lines[key.data].cut(piece):
                heard(key.data, line)
            if not piece:
                self._sources.unregister(key.fd)
                self._open -= 1
                heard(key.data, b"")

    def end_line(self, heard: Heard) -> None:
        """The order is over: what it wrote beside its words, and did not end, is no beginning of the next one's."""
        for line in self._lines[ERR].cut(b""):
            heard(ERR, line)

    def close(self) -> None:
        self._sources.close()
        self.child.close()


class _Lines:
    """Cuts what is read into lines."""

    def __init__(self) -> None:
        self._left = b""
        self._skips = False

    def cut(self, piece: bytes) -> Iterator[bytes]:
        """An empty piece is the end."""
        *lines, left = (self._left + piece).split(b"\n")
        if not piece and left:
            lines, left = [left], b""
        for line in lines:
            if not self._skips and line.strip():
                yield line
            self._skips = False
        if len(left) > LONGEST:
            if not self._skips:
                yield left[:LONGEST]
            self._skips, left = True, b""
        self._skips = self._skips and bool(piece)
        self._left = left
