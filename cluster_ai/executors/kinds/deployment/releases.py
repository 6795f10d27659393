"""Releases of a set of files in one folder: each in ``releases/NAME``, and ``current``, a link that is switched."""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster_ai.executors.files import FileIn, place
from cluster_ai.executors.kind import ExecutorSettings, Failed

CURRENT: Final = "current"
_RUNNABLE: Final = 0o755
_PLAIN: Final = 0o644


@dataclass(frozen=True, slots=True)
class Change:
    """What a release would change, by paths."""

    added: Sequence[str]
    changed: Sequence[str]
    removed: Sequence[str]

    @property
    def lines(self) -> list[str]:
        named = (("add", self.added), ("change", self.changed), ("remove", self.removed))
        return [f"{verb} {path}" for verb, paths in named for path in paths]


@dataclass(frozen=True, slots=True)
class Releases:
    """Those of one folder."""

    root: Path

    @property
    def current(self) -> str | None:
        """Name of the release that the link names."""
        link = self.root / CURRENT
        return link.readlink().name if link.is_symlink() else None

    def folder(self, name: str) -> Path:
        return self.root / "releases" / name

    @contextmanager
    def held(self) -> Iterator[None]:
        """One deployment to a folder at a time.

        Raises:
            Failed: ``not_allowed``, another one is under way, or the folder cannot be written.
        """
        try:
            (self.root / "releases").mkdir(parents=True, exist_ok=True)
            lock = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise Failed("not_allowed", f"{self.root} cannot be written: {exc.strerror}") from exc
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                raise Failed("busy", f"another deployment to {self.root} is under way") from exc
            yield
        finally:
            os.close(lock)

    def add(self, name: str, files: Sequence[FileIn], *, folder: Path, settings: ExecutorSettings) -> None:
        """Writes a release beside the others, whole or not at all; nobody uses it yet."""
        draft = self.root / "releases" / f".{name}.draft"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        place(files, draft, folder=folder, settings=settings)
        _make_readable(draft)
        shutil.rmtree(self.folder(name), ignore_errors=True)
        draft.rename(self.folder(name))

    def remember(self, name: str, previous: str | None) -> str | None:
        """What came before a release, as it was noted first: an attempt that died may have switched already."""
        note = self.root / "releases" / f".{name}.json"
        if not note.exists():
            draft = note.with_suffix(".draft")
            draft.write_text(json.dumps({"previous": previous}), encoding="utf-8")
            draft.rename(note)
        found = json.loads(note.read_text(encoding="utf-8"))["previous"]
        return str(found) if found is not None else None

    def switch(self, name: str | None) -> None:
        """Makes a release the current one, or none; there is no moment at which there is half of one."""
        link = self.root / CURRENT
        if name is None:
            link.unlink(missing_ok=True)
            return
        draft = self.root / f".{CURRENT}.draft"
        draft.unlink(missing_ok=True)
        draft.symlink_to(Path("releases") / name)
        draft.replace(link)

    def remove(self, name: str) -> None:
        """Takes a release away that is not the current one."""
        shutil.rmtree(self.folder(name), ignore_errors=True)
        (self.root / "releases" / f".{name}.json").unlink(missing_ok=True)

    def prune(self, keep: int, used: set[str | None]) -> None:
        """Leaves the newest ``keep``, and those that are used."""
        names = sorted(
            (path.name for path in (self.root / "releases").iterdir() if not path.name.startswith(".")), key=self._age
        )
        for name in names[:-keep] if keep else names:
            if name not in used:
                self.remove(name)

    def _age(self, name: str) -> float:
        return self.folder(name).stat().st_mtime

    def change(self, name: str | None, other: str) -> Change:
        """From one release to another."""
        old = _hashes(self.folder(name)) if name is not None else {}
        new = _hashes(self.folder(other))
        return Change(
            sorted(new.keys() - old.keys()),
            sorted(path for path in new.keys() & old.keys() if new[path] != old[path]),
            sorted(old.keys() - new.keys()),
        )


def _make_readable(folder: Path) -> None:
    """As installed files are: for all to read, for their owner to write."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(_RUNNABLE if path.is_dir() or path.stat().st_mode & 0o100 else _PLAIN)
    os.utime(folder)


def _hashes(folder: Path) -> dict[str, str]:
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
