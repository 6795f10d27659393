"""The folder of backups: each a file, and beside it a small record of what is known of it."""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from pydantic import ValidationError

from cluster_ai.core import files
from cluster_ai.core.paths import PRIVATE_DIR, PRIVATE_FILE
from cluster_ai.ops.keeping import Keep, superfluous
from cluster_ai.ops.types import SUFFIX, BackupNotFound, BackupView, Record

_NAME: Final = re.compile(rf"cluster-ai-(\d{{8}}T\d{{6}}Z)-[0-9a-f]{{6}}{re.escape(SUFFIX)}")
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_DRAFT: Final = ".draft-"


class Shelf:
    """Backups in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self) -> None:
        """The folder, for its owner alone; what a maker that was killed left in it goes."""
        self.folder.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
        for left in self.folder.glob(f"{_DRAFT}*"):
            if not is_alive(left.name.removeprefix(_DRAFT).partition("-")[0]):
                left.unlink(missing_ok=True)

    def new_name(self, now: float) -> str:
        return f"cluster-ai-{datetime.fromtimestamp(now, UTC).strftime(_STAMP)}-{secrets.token_hex(3)}{SUFFIX}"

    def path(self, name: str) -> Path:
        """Raises BackupNotFound: none has that name."""
        path = self.folder / name
        if _made_at(name) is None or not path.is_file():
            raise _none(name)
        return path

    def all(self) -> tuple[BackupView, ...]:
        """The newest first."""
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        views = [view for view in map(_view, found) if view is not None]
        return tuple(sorted(views, key=lambda view: (view.made_at, view.name), reverse=True))

    def get(self, name: str) -> BackupView:
        """Raises BackupNotFound: none has that name."""
        view = _view(self.path(name))
        if view is None:
            raise _none(name)
        return view

    def remove(self, name: str) -> None:
        path = self.path(name)
        path.unlink()
        record_of(path).unlink(missing_ok=True)
        files.sync(self.folder)

    def thin(self, keep: Keep) -> tuple[str, ...]:
        """Removes what ``keep`` does not keep. One that is not verified makes no verified one superfluous, and stays
        itself until somebody has looked at it.
        """
        gone = superfluous(((one.name, one.made_at) for one in self.all() if one.verified), keep)
        for name in gone:
            self.remove(name)
        return gone


def draft_of(path: Path) -> Path:
    """What it is called until it is whole: it names its maker, so that what a dead one left can be told."""
    return path.with_name(f"{_DRAFT}{os.getpid()}-{path.name}")


@contextmanager
def drafted(path: Path) -> Iterator[BinaryIO]:
    """A private file to write, which has its name when the block ends well, and is gone when it does not."""
    draft = draft_of(path)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)
    files.sync(path.parent)


def is_alive(pid: str) -> bool:
    return pid.isdigit() and Path(f"/proc/{pid}").exists()


def record_of(path: Path) -> Path:
    """The record beside the backup ``path``."""
    return path.with_name(f"{path.name}.json")


def write_record(path: Path, record: Record) -> None:
    """Whole or not at all."""
    target = record_of(path)
    write_whole(target, record.model_dump_json(indent=2) + "\n")


def write_whole(target: Path, content: str) -> None:
    """A small private file; what a writer that was killed leaves goes as all drafts do."""
    files.replace(target, content, draft=draft_of(target))


def _none(name: str) -> BackupNotFound:
    return BackupNotFound(f"there is no backup {name}", hint="cluster-ai backup ls")


def _made_at(name: str) -> float | None:
    """What a name of ours says, Unix seconds; None: it is none of ours."""
    stamp = _NAME.fullmatch(name)
    try:
        return None if stamp is None else datetime.strptime(stamp[1], _STAMP).replace(tzinfo=UTC).timestamp()
    except ValueError:
        # Digits that are no date.
        return None


def _view(path: Path) -> BackupView | None:
    """What is known of the backup ``path``; None: it is none, or somebody has just removed it."""
    made = _made_at(path.name)
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return None
    if made is None:
        return None
    try:
        record = Record.model_validate_json(record_of(path).read_bytes())
    except (OSError, ValidationError):
        return BackupView(name=path.name, made_at=made, size=size, verified=False, reason="not_looked_at")
    return BackupView(name=path.name, made_at=made, size=size, verified=record.verified, reason=record.reason)
