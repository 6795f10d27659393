"""Cuts a tree of files into parts of about the same work."""

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from cluster_ai.core.errors import NotFound
from cluster_ai.executors.words import Piece

PART_BYTES = 8 << 20
PART_FILES = 256


def pieces_of(path: Path, skipped: dict[str, str], *, size: int = PART_BYTES) -> Iterator[Piece]:
    """Every regular file below ``path``, sorted by name, in pieces of at most ``size`` bytes.

    What is no regular file (pipes, devices, links) is named in ``skipped``: reading it might never end, or twice.

    Raises:
        NotFound: there is nothing at ``path``.
    """
    if not path.exists():
        raise NotFound(f"there is nothing at {path}", hint="check the spelling")
    for file in _files(path.absolute(), skipped):
        length = _length(file, skipped)
        if length is not None:
            starts = range(0, max(1, length), size)
            yield from (Piece(str(file), start, min(length, start + size)) for start in starts)


def parts_of(pieces: Iterable[Piece], *, size: int = PART_BYTES) -> Iterator[list[Piece]]:
    """Groups small pieces, so that a task is worth its price."""
    part: list[Piece] = []
    held = 0
    for piece in pieces:
        length = piece.end - piece.start
        if part and (held + length > size or len(part) >= PART_FILES):
            yield part
            part, held = [], 0
        part.append(piece)
        held += length
    if part:
        yield part


def _files(path: Path, skipped: dict[str, str]) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return

    def note(exc: OSError) -> None:
        skipped[str(exc.filename)] = exc.strerror or type(exc).__name__

    for folder, folders, names in os.walk(path, onerror=note):
        folders.sort()
        yield from (Path(folder, name) for name in sorted(names))


def _length(file: Path, skipped: dict[str, str]) -> int | None:
    try:
        found = file.lstat()
    except OSError as exc:
        skipped[str(file)] = exc.strerror or type(exc).__name__
        return None
    if stat.S_ISLNK(found.st_mode):
        skipped[str(file)] = "a link"
    elif not stat.S_ISREG(found.st_mode):
        skipped[str(file)] = "not a regular file"
    else:
        return found.st_size
    return None
