"""Lines of our parts' logs: the last of each file, then what comes."""

import asyncio
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from cluster_ai.core.errors import InvalidInput, NotFound
from cluster_ai.node_agent.api.asked import Asked

SUFFIX: Final = ".log"
MOST_LINES: Final = 10_000
TAIL_BYTES: Final = 4 * 1024 * 1024
"""Of a file, however few lines these are."""
LONGEST_LINE: Final = 64 * 1024
PAUSE_SECONDS: Final = 0.3
_PIECE: Final = 256 * 1024


@dataclass(slots=True)
class Follower:
    """A log file that may not be there yet, grow, or be turned over. Its methods block."""

    part: str
    path: Path
    _file: BinaryIO | None = None
    _rest: bytes = field(default=b"", repr=False)

    def last(self, count: int) -> list[str]:
        """The last whole lines; ``more`` goes on behind them."""
        if not self._open():
            return []
        assert self._file is not None
        size = self._file.seek(0, os.SEEK_END)
        begin = self._file.seek(max(0, size - TAIL_BYTES))
        lines = list(self._whole(self._file.read(size - begin)))
        # The first may be the end of one that begins further up.
        return lines[1 if begin else 0 :][-count:] if count else []

    def more(self) -> Iterator[str]:
        """Whole lines that came since: first those at the end of a file that was turned over, then the new one's."""
        if self._file is None and not self._open():
            return
        yield from self._read()
        if self._was_turned_over():
            self.close()
            if self._open():
                yield from self._read()

    def close(self) -> None:
        file, self._file, self._rest = self._file, None, b""
        if file is not None:
            file.close()

    def _open(self) -> bool:
        try:
            self._file = self.path.open("rb", buffering=0)
        except FileNotFoundError:
            return False
        return True

    def _read(self) -> Iterator[str]:
        while self._file is not None and (data := self._file.read(_PIECE)):
            yield from self._whole(data)

    def _whole(self, data: bytes) -> Iterator[str]:
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest if len(rest) <= LONGEST_LINE else b""
        for line in lines if len(rest) <= LONGEST_LINE else (*lines, rest):
            yield line[:LONGEST_LINE].decode("utf-8", "replace")

    def _was_turned_over(self) -> bool:
        assert self._file is not None
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return False
        ours = os.fstat(self._file.fileno())
        return there.st_ino != ours.st_ino or there.st_size < self._file.tell()


def followers(folder: Path, part: str) -> tuple[Follower, ...]:
    """Of that part, or of all when it is empty. Blocks.

    Raises:
        NotFound: no part of that name has a log.
    """
    known = {path.name.removesuffix(SUFFIX): path for path in sorted(folder.glob(f"*{SUFFIX}"))}
    if part and part not in known:
        values = {"about": "part", "name": part}
        raise NotFound(f"no part of this machine is called {part[:64]}", hint=", ".join(known), values=values)
    return tuple(Follower(name, path) for name, path in known.items() if part in {"", name})


class Logs:
    """``GET /-/logs``: records ``{"part": ..., "line": ...}``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def __call__(self, asked: Asked) -> None:
        count, follows = _count(asked.query("lines", "100")), asked.query("follow") in {"1", "true"}
        files = await asyncio.to_thread(followers, self._folder, asked.query("part"))
        try:
            await asked.begin_lines()
            for file in files:
                await _tell(asked, file, await asyncio.to_thread(file.last, count))
            while follows:
                for file in files:
                    await _tell(asked, file, await asyncio.to_thread(list, file.more()))
                await asyncio.sleep(PAUSE_SECONDS)
            await asked.end_lines()
        finally:
            for file in files:
                file.close()


async def _tell(asked: Asked, file: Follower, lines: list[str]) -> None:
    for line in lines:
        await asked.line({"part": file.part, "line": line})


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > 9 or int(text) > MOST_LINES:  # noqa: PLR2004 - digits that fit any integer
        raise InvalidInput(f"lines must be a number up to {MOST_LINES}", path="lines")
    return int(text)
