"""Folders of tickets on a worker: the order while an attempt runs, and what it leaves for the next, or for people."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cluster_ai.core import files
from cluster_ai.core.paths import PRIVATE_DIR, PRIVATE_FILE
from cluster_ai.executors.contract import REPORT, Order, Reported
from cluster_ai.executors.places import beside, note

ORDER: Final = "order.json"
BEGUN: Final = ".begun-"
"""Beginning of the name of a file that says that an attempt was begun here."""
LOCK: Final = ".lock"
REPORTS: Final = "reports"
"""Beside the folders of tickets."""
KEPT_SECONDS: Final = 7 * 86_400.0
"""Checkpoints for the next attempt, artefacts for people."""


@dataclass(frozen=True, slots=True)
class Places:
    """``folder`` is where an attempt works: the ticket's own, ``base``, unless an older attempt still has that."""

    base: Path
    folder: Path

    def keep_result(self) -> None:
        """What others read of the ticket lies here from now on."""
        note(self.base, self.folder)


@contextmanager
def claimed(folder: Path, attempt: int) -> Iterator["Places | None"]:
    """A folder that is this attempt's alone until the block ends: the ticket's own, or one beside it.

    The ticket's own is taken while an attempt that has lost its lease, and not heard of that yet, still works there; it
    may sleep for ever. None: this very attempt is at work here already.
    """
    with ExitStack() as stack:
        for place in (folder, beside(folder, attempt)):
            place.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
            lock = os.open(place / LOCK, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
            stack.callback(os.close, lock)
            with suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield Places(folder, place)
                return
        yield None


def sweep(folder: Path, before: float) -> None:
    """Removes what nothing has changed since ``before``, in Unix seconds."""
    try:
        found = [path for path in folder.iterdir() if path.is_dir() and path.name != REPORTS]
    except FileNotFoundError:
        return
    for path in found:
        if path.stat().st_mtime < before:
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def ordered(folder: Path, order: Order, *, base: Path) -> Iterator[None]:
    """The folder, which was claimed, with the order in it. That holds a key, and a report is one attempt's: both go.

    ``base`` is the ticket's own folder, where it stands which attempts were begun, wherever they work.

    Raises:
        FileExistsError: the attempt was begun here before, by a life of this worker that has ended, or was given twice.
    """
    os.close(os.open(base / f"{BEGUN}{order.attempt}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE))
    path = folder / ORDER
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE), "wb") as file:
        file.write(order.model_dump_json().encode())
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        keep_report(folder, None)


def keep_report(folder: Path, report: Reported | None) -> None:
    """Puts it where the child looks for it, whole; None: the attempt was told of none, whatever one before it was."""
    path = folder / REPORT
    if report is None:
        path.unlink(missing_ok=True)
        return
    files.replace(path, report.model_dump_json())


def tidy(folder: Path) -> None:
    """Removes the folder of what is done when nothing lies in it but empty folders and marks of ours."""
    marks: list[str] = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                # Stays, and ends this, when something lies in it.
                os.rmdir(entry.path)  # noqa: PTH106 - after every attempt, as what follows
            elif entry.name == LOCK or entry.name.startswith(BEGUN):
                marks.append(entry.path)
            else:
                return
        for mark in marks:
            os.unlink(mark)  # noqa: PTH108
        folder.rmdir()


def folder_name(ticket_id: str) -> str:
    """Of its folder: what came over the wire names no place outside."""
    if not ticket_id.replace("-", "").isalnum():
        raise ValueError(f"{ticket_id[:64]!r} is no id of a ticket")
    return ticket_id
