"""Restores a backup for a trial, and compares it with what went in."""

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from cluster_ai.core.errors import ClusterError
from cluster_ai.core.paths import PRIVATE_DIR, Home
from cluster_ai.ops import tables
from cluster_ai.ops.archive import unpack
from cluster_ai.ops.sealed import Key, Opening
from cluster_ai.ops.shelf import is_alive, write_record
from cluster_ai.ops.types import DATABASE, BackupFolder, BackupUnproven, Manifest, Record
from cluster_ai.supervisor.preflight import NoSpace

_SCRATCH: Final = "backup-"


def prove(path: Path, home: Home, key: Key) -> Manifest:
    """Restores ``path`` for a trial, compares, and writes down how it went.

    Raises:
        BackupCorrupt, BackupTruncated, BackupNewer, BackupUnproven: it is not good.
        BackupWrongKey: nobody knows whether it is; what was known stays written.
    """
    with disk_said(), scratch(home) as folder:
        try:
            manifest = unsealed(path, folder, key)
            check(folder, manifest)
        except ClusterError as exc:
            if exc.code.startswith("backup_") and exc.code != "backup_wrong_key":
                _note(path, None, reason=f"{exc.code}: {exc.message}")
            raise
    _note(path, manifest)
    return manifest


def unsealed(path: Path, folder: Path, key: Key) -> Manifest:
    """The members of the backup ``path``, in ``folder``."""
    with path.open("rb") as file:
        return unpack(Opening(file, key), folder)


def check(folder: Path, manifest: Manifest) -> None:
    """Compares the database in ``folder`` with what stood in the one that was backed up.

    Raises:
        BackupUnproven: with the first difference.
    """
    database = folder / DATABASE
    tables.check_whole(database)
    rows = tables.row_counts(database)
    if rows != manifest.rows:
        wrong = min(name for name in {*rows, *manifest.rows} if rows.get(name) != manifest.rows.get(name))
        raise BackupUnproven(f"{wrong} has {rows.get(wrong)} rows, and had {manifest.rows.get(wrong)}")
    if tables.chain_head(database) != (manifest.entries, manifest.head):
        raise BackupUnproven("the audit log does not end as it did")
    for one in tables.differing(database, manifest.samples):
        raise BackupUnproven(f"row {one.offset} of {one.table} is not what it was")


@contextlib.contextmanager
def scratch(home: Home) -> Iterator[Path]:
    """A private folder, gone at the end; those of processes that are no more go first."""
    home.scratch.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
    for old in home.scratch.glob(f"{_SCRATCH}*"):
        if not is_alive(old.name.removeprefix(_SCRATCH).partition("-")[0]):
            shutil.rmtree(old, ignore_errors=True)
    folder = Path(mkdtemp(prefix=f"{_SCRATCH}{os.getpid()}-", dir=home.scratch))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def disk_said() -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise NoSpace("the disk is full; no backup was made", hint="free some space, then again") from exc
        # A folder that belongs to somebody else, a file in its place, a medium that is read-only or broken.
        at = f" ({exc.filename})" if exc.filename else ""
        raise BackupFolder(f"{exc.strerror or exc}{at}", hint="look at [backup] folder and who owns it") from exc


def _note(path: Path, manifest: Manifest | None, *, reason: str = "") -> None:
    good, now = manifest is not None, time.time()
    about = {"made_at": path.stat().st_mtime}
    if manifest is not None:
        about = manifest.model_dump(include={"version", "revision", "made_at"}) | {"rows": sum(manifest.rows.values())}
    record = Record.model_validate({"verified": good, "verified_at": now, "reason": reason} | about)
    try:
        write_record(path, record)
    except OSError as exc:
        # One on a medium that cannot be written was looked at all the same.
        if exc.errno not in {errno.EROFS, errno.EACCES, errno.EPERM}:
            raise
