"""A part's log file: appended to, turned over when large, and never a reason for the part to stop."""

import os
import re
from pathlib import Path
from typing import Final

from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.paths import PRIVATE_FILE
from cluster_ai.core.wire import parse_object

ROTATE_BYTES: Final = 5 * 1024 * 1024
KEPT: Final = 2
"""Older files: ``gateway.log.1`` and ``gateway.log.2``."""
_TAIL_BYTES: Final = 4096
_LONGEST_REASON: Final = 300
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class LogFile:
    """A file that what a part says goes to. A full disk loses lines, and says how many bytes when it can again."""

    def __init__(self, path: Path, *, rotate_bytes: int = ROTATE_BYTES) -> None:
        self._path = path
        self._rotate_bytes = rotate_bytes
        self._lost = 0
        self._tail = b""
        self._handle = self._open()
        self._size = os.fstat(self._handle).st_size

    def write(self, data: bytes) -> None:
        """Appends ``data``; never raises."""
        self._tail = (self._tail + data)[-_TAIL_BYTES:]
        try:
            if self._size + len(data) > self._rotate_bytes and self._size and self._tail_is_whole():
                self._rotate()
            if self._lost:
                self._append(f"({self._lost} bytes could not be written here)\n".encode())
                self._lost = 0
            self._append(data)
        except OSError:
            self._lost += len(data)

    def begin(self) -> None:
        """A new life of the part: its last words are not this one's."""
        self._tail = b""

    def last_words(self) -> str:
        """Why the part ended, as far as it said: the reason in its last line, on one line of text."""
        lines = [line for line in self._tail.splitlines() if line.strip()]
        return _reason(lines[-1]) if lines else ""

    def close(self) -> None:
        os.close(self._handle)

    def _append(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.write(self._handle, view)
            self._size += written
            view = view[written:]

    def _tail_is_whole(self) -> bool:
        # A file that is twice too large is turned over even in the middle of a line.
        return self._tail.endswith(b"\n") or self._size > 2 * self._rotate_bytes

    def _rotate(self) -> None:
        for number in range(KEPT, 0, -1):
            newer = self._path if number == 1 else self._numbered(number - 1)
            if newer.exists():
                newer.replace(self._numbered(number))
        os.close(self._handle)
        self._handle, self._size = self._open(), 0

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, PRIVATE_FILE)


def _reason(line: bytes) -> str:
    """What a line of a log says went wrong: our own parts write JSON, Python's last words are plain text."""
    text = line.decode("utf-8", errors="replace").strip()
    if text.startswith("{"):
        try:
            said = parse_object(text.encode())
        except InvalidInput:
            said = {}
        text = str(said.get("reason") or said.get("event") or text)
    text = _ESCAPES.sub("", text)
    return "".join(char for char in text if char.isprintable())[:_LONGEST_REASON]
