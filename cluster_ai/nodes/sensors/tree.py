"""Small files of ``/proc``, ``/sys`` and ``/etc`` below a root. What cannot be read is None."""

import os
import re
from pathlib import Path
from typing import Final

LARGEST: Final = 4 * 1024 * 1024
"""Bytes of a file that are read: ``cpuinfo`` of 512 threads is the longest."""
_NUMBER: Final = re.compile(r"[0-9]+")


class Tree:
    """Paths are told as on the machine: ``/proc/meminfo``."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root

    def path(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def text(self, path: str) -> str | None:
        """What stands there, without blanks and zero bytes around it."""
        try:
            handle = os.open(self.path(path), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            return _all_of(handle).decode("utf-8", "replace").strip("\0 \t\n")
        except OSError:
            # Sensors of sleeping devices answer with errors of many kinds.
            return None
        finally:
            os.close(handle)

    def number(self, path: str) -> int | None:
        """A whole number, decimal or as ``0x1002``."""
        text = self.text(path)
        if not text:
            return None
        try:
            return int(text, 0) if text.lower().startswith("0x") else int(text)
        except ValueError:
            return None

    def names(self, path: str, pattern: str = r".*") -> list[str]:
        """Names in a folder that match the whole of ``pattern``, ``card2`` before ``card10``."""
        try:
            found = [entry.name for entry in self.path(path).iterdir()]
        except OSError:
            return []
        return sorted((name for name in found if re.fullmatch(pattern, name)), key=_natural)

    def exists(self, path: str) -> bool:
        return self.path(path).exists()

    def target(self, path: str) -> str:
        """Last part of where a link leads: the driver's name for ``device/driver``; empty when it is no link."""
        try:
            return self.path(path).readlink().name
        except OSError:
            return ""


def _all_of(handle: int) -> bytes:
    pieces = []
    left = LARGEST
    while left > 0 and (piece := os.read(handle, min(left, 65_536))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _natural(name: str) -> tuple[list[int], str]:
    return [int(digits) for digits in _NUMBER.findall(name)], name
