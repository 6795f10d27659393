"""Carries lines from the parts' files into the store."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster_ai.core.errors import Unavailable
from cluster_ai.logs.files import FileId, Piece, Place, look
from cluster_ai.logs.reading import read_line
from cluster_ai.logs.store import LogStore
from cluster_ai.logs.types import Entry

GONE_SECONDS: Final = 60.0
"""A file that was not met for so long is gone: one that is turned over may be missed by one look."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the parts of one machine write. ``node`` is the machine's name."""

    folder: Path
    node: str


class Collector:
    """Reads on where the store says that reading ended. ``now`` answers Unix seconds."""

    def __init__(self, store: LogStore, source: Source, *, now: Callable[[], float]) -> None:
        self._store = store
        self._source = source
        self._now = now
        self._missed: dict[FileId, float] = {}
        self.places: dict[FileId, Place] = {}
        self.lines = 0
        """Since this object was made."""

    async def open(self) -> None:
        """Asks the store how far each file was read; once, before the first tick."""
        self.places = await self._store.places()

    async def tick(self) -> int:
        """Stores what was written since the last tick, up to a bound for each file; how many lines it were.

        Raises:
            Unavailable: nothing was read or stored; the next tick begins at the same place.
        """
        try:
            pieces, entries = await asyncio.to_thread(self._read)
        except OSError as exc:
            raise Unavailable(f"{exc.filename or self._source.folder}: {exc.strerror or exc}") from exc
        changed = [piece.place for piece in pieces if self.places.get(piece.place.id) != piece.place]
        if changed:
            await self._store.add(entries, changed)
            self.places |= {place.id: place for place in changed}
        self.lines += len(entries)
        await self._forget({piece.place.id for piece in pieces})
        return len(entries)

    def _read(self) -> tuple[list[Piece], list[Entry]]:
        pieces = look(self._source.folder, self.places)
        entries = [entry for piece in pieces for entry in self._entries(piece)]
        # Files are read one after the other; their lines were written side by side.
        entries.sort(key=lambda entry: entry.at)
        return pieces, entries

    def _entries(self, piece: Piece) -> list[Entry]:
        found: list[Entry] = []
        now = int(self._now() * 1e6)
        at = min(now, int(piece.written * 1e6))
        for raw in piece.lines:
            entry = read_line(raw, part=piece.place.part, node=self._source.node, at=at, now=now)
            if entry is not None:
                found.append(entry)
                # What follows a line and has no time of its own belongs to it: the story of an error, mostly.
                at = entry.at
        return found

    async def _forget(self, met: set[FileId]) -> None:
        now = self._now()
        self._missed = {known: self._missed.get(known, now) for known in self.places.keys() - met}
        if gone := [self.places[known] for known, since in self._missed.items() if now - since > GONE_SECONDS]:
            await self._store.forget(gone)
            for place in gone:
                del self.places[place.id]
