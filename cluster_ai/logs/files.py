"""The log files of the parts, read where the last look ended: known by device and inode, and by how they begin.

A part writes into a pipe, and its supervisor into the file: nobody waits for who reads. A file that is turned over
keeps its inode, so that it is read to its end under its new name. A file that took over the inode of one that was
removed begins differently, and is read from its start.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Final

CHUNK_BYTES: Final = 256 * 1024
"""Read of one file at a time; a line that is longer is cut there."""
HEAD_BYTES: Final = 256
_NAME: Final = re.compile(r"(?P<part>[A-Za-z0-9][A-Za-z0-9._-]*?)\.log(?:\.(?P<number>[0-9]{1,3}))?")

FileId = tuple[int, int]
"""Device and inode."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far a file was read. ``head`` is a digest of its first bytes, as many as were read, at most 256."""

    id: FileId
    part: str
    offset: int = 0
    head: str = ""
    size: int = 0
    """As it was last seen; what lies between ``offset`` and this is not read yet."""

    @property
    def behind(self) -> int:
        return max(0, self.size - self.offset)


@dataclass(frozen=True, slots=True)
class Piece:
    """What came since the last look at one file. ``place`` is where the next one begins."""

    place: Place
    lines: tuple[bytes, ...]
    written: float
    """When the file was last written, Unix seconds."""


def look(folder: Path, known: Mapping[FileId, Place], *, most: int = CHUNK_BYTES) -> list[Piece]:
    """Every file of ``folder``, with at most ``most`` bytes of each; the oldest of a part first.

    Raises:
        OSError: the folder or a file cannot be read.
    """
    # From old to new: a file that is turned over meanwhile is met again at the next look, and never twice in this one.
    return [piece for path, part, turned in _files(folder) if (piece := _read(path, part, known, turned, most))]


def _files(folder: Path) -> Iterator[tuple[Path, str, bool]]:
    found: list[tuple[str, int, str]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = _NAME.fullmatch(entry.name)
                if name and entry.is_file(follow_symlinks=False):
                    found.append((name["part"], -int(name["number"] or 0), entry.name))
    except FileNotFoundError:
        return
    for part, number, name_of_file in sorted(found):
        yield folder / name_of_file, part, number < 0


def _read(path: Path, part: str, known: Mapping[FileId, Place], turned: bool, most: int) -> Piece | None:  # noqa: FBT001 - private
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    with file:
        found = os.fstat(file.fileno())
        place = replace(_resumed(file, known.get((found.st_dev, found.st_ino)), found), part=part, size=found.st_size)
        file.seek(place.offset)
        data = file.read(min(most, max(0, found.st_size - place.offset)))
        is_end = place.offset + len(data) >= found.st_size
        taken = data if turned and is_end else _whole(data, full=len(data) >= most)
        if not taken:
            return Piece(place, (), found.st_mtime)
        offset = place.offset + len(taken)
        lines = tuple(taken.removesuffix(b"\n").split(b"\n"))
        return Piece(replace(place, offset=offset, head=_digest(file, offset)), lines, found.st_mtime)


def _resumed(file: BinaryIO, place: Place | None, found: os.stat_result) -> Place:
    fresh = Place((found.st_dev, found.st_ino), "")
    if place is None or found.st_size < place.offset:
        return fresh
    # Looked at only when there is something to read: else it makes no difference.
    is_same = found.st_size == place.offset or _digest(file, place.offset) == place.head
    return place if is_same else fresh


def _digest(file: BinaryIO, offset: int) -> str:
    file.seek(0)
    return hashlib.sha256(file.read(min(HEAD_BYTES, offset))).hexdigest()[:16]


def _whole(data: bytes, *, full: bool) -> bytes:
    """Whole lines of what was read; a line that alone is longer than that is taken as it is."""
    end = data.rfind(b"\n") + 1
    return data if full and end == 0 else data[:end]
