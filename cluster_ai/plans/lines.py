"""What tickets wrote while they ran: a file of bounded size for each, read from any point on. All methods block."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cluster_ai.core import files
from cluster_ai.core.paths import PRIVATE_DIR, PRIVATE_FILE

LARGEST: Final = 4 * 1024 * 1024
"""Bytes of one ticket's file; when it is full, the older half goes."""
PIECE: Final = 256 * 1024
KEPT_SECONDS: Final = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines from a point on. ``next``: from where to go on."""

    lines: tuple[dict[str, Any], ...]
    next: int


@dataclass(frozen=True, slots=True)
class Lines:
    """One line of JSON each: ``attempt``, ``at`` in Unix seconds, and ``text`` or ``lost``, a number of lines."""

    folder: Path

    def add(self, ticket_id: str, *, attempt: int, texts: Sequence[str], lost: int, now: float) -> None:
        """Puts them at the end; a disk that is full takes no lines, and that hinders nobody's work."""
        known = {"attempt": attempt, "at": round(now, 3)}
        said: list[dict[str, Any]] = [{**known, "lost": lost}] if lost else []
        said += [{**known, "text": text} for text in texts]
        if not said:
            return
        path = self._path(ticket_id)
        self.folder.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
        raw = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in said).encode("utf-8", "replace")
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_FILE), "ab") as file:
            file.write(raw)
            size = file.tell()
        if size > LARGEST:
            _halve(path)

    def read(self, ticket_id: str, start: int = 0) -> Piece:
        """Whole lines from byte ``start`` on; from the beginning when the file was cut meanwhile."""
        try:
            with self._path(ticket_id).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                start = start if 0 <= start <= size else 0
                file.seek(start)
                raw = file.read(PIECE)
        except FileNotFoundError:
            return Piece((), 0)
        whole = raw[: raw.rfind(b"\n") + 1]
        return Piece(tuple(found for line in whole.splitlines() if (found := _line(line))), start + len(whole))

    def sweep(self, before: float) -> int:
        """Removes files that nothing was written to since then, Unix seconds; answers how many."""
        gone = 0
        for path in self.folder.glob("*.jsonl"):
            if path.stat().st_mtime < before:
                path.unlink(missing_ok=True)
                gone += 1
        return gone

    def _path(self, ticket_id: str) -> Path:
        return self.folder / f"{ticket_id}.jsonl"


def _halve(path: Path) -> None:
    raw = path.read_bytes()
    half = raw[len(raw) // 2 :]
    files.replace(path, half[half.find(b"\n") + 1 :])


def _line(raw: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(raw)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None
