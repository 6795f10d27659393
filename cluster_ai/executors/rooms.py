"""The folders of one ticket: what its code may see, what it leaves behind, what survives to the next attempt."""

import os
import shutil
import stat
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster_ai.core.paths import PRIVATE_DIR
from cluster_ai.executors.failures import Failed

MOST_FOLDERS_DEEP: Final = 64
MOST_ENTRIES: Final = 100_000


@dataclass(frozen=True, slots=True)
class Room:
    """Folders below the ticket's own. ``work`` and ``tmp`` are all that its code can write; it sees nothing else here.

    ``order.json`` with the ticket's key lies beside them, out of its sight.
    """

    folder: Path

    @property
    def work(self) -> Path:
        return self.folder / "work"

    @property
    def tmp(self) -> Path:
        return self.folder / "tmp"

    @property
    def artefacts(self) -> Path:
        return self.folder / "artefacts"

    @property
    def kept(self) -> Path:
        """What we ourselves keep from one attempt to the next."""
        return self.folder / "kept"

    def make(self) -> None:
        """Empty folders to work in; artefacts of an attempt before go, what was kept stays."""
        self.clear()
        remove(self.artefacts)
        self.folder.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
        for folder in (self.work, self.tmp):
            folder.mkdir(mode=PRIVATE_DIR)

    def clear(self) -> None:
        """Takes away what the code wrote."""
        remove(self.work)
        remove(self.tmp)

    def remove(self) -> None:
        """Takes away all of it."""
        remove(self.folder)

    def part(self, name: str) -> "Room":
        """A room of its own for one of several that run at a time."""
        return Room(self.kept / "parts" / name)


def remove(path: Path) -> None:
    """A folder with all in it, whoever owns it; nothing when it is not there.

    By ``rm`` in the end: a program may nest folders deeper than Python's own recursion goes.
    """
    try:
        # Most are empty, or not there at all.
        path.rmdir()
    except FileNotFoundError:
        return
    except OSError:
        _remove_all(path)


def _remove_all(path: Path) -> None:
    with suppress(OSError, RecursionError):
        shutil.rmtree(path)
    if os.path.lexists(path):
        _tool("rm", "-rf", "--one-file-system", "--", str(path))
    if os.path.lexists(path):
        # It took its owner's rights away.
        _tool("chmod", "-R", "u+rwX", "--", str(path))
        _tool("rm", "-rf", "--one-file-system", "--", str(path))


def _tool(*argv: str) -> None:
    subprocess.run(argv, env={"PATH": os.defpath}, check=False, capture_output=True)  # noqa: S603 - our own words


def hand_over(folder: Path, uid: int) -> None:
    """Makes a user the owner of a folder with all in it; links are not followed."""
    os.chown(folder, uid, uid, follow_symlinks=False)
    for entry, _ in walk(folder):
        os.chown(entry, uid, uid, follow_symlinks=False)


def walk(folder: Path) -> "list[tuple[str, os.stat_result]]":
    """Every entry below a folder with what ``lstat`` says of it; what vanishes meanwhile is left out.

    Raises:
        Failed: ``disk_exceeded``, more entries or deeper folders than anybody needs.
    """
    found: list[tuple[str, os.stat_result]] = []
    pending = [(str(folder), 0)]
    while pending:
        path, deep = pending.pop()
        for entry in _entries(path):
            try:
                told = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            found.append((entry.path, told))
            if stat.S_ISDIR(told.st_mode):
                pending.append((entry.path, deep + 1))
        if deep > MOST_FOLDERS_DEEP or len(found) > MOST_ENTRIES:
            what = f"{MOST_FOLDERS_DEEP} folders deep" if deep > MOST_FOLDERS_DEEP else f"{MOST_ENTRIES} files"
            raise Failed("disk_exceeded", f"it made more than {what}")
    return found


def _entries(path: str) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except OSError:
        return []
