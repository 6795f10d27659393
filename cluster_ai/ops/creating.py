"""Makes a backup, and calls it good only after it was restored for a trial and was the same."""

import contextlib
import random
import shutil
from pathlib import Path
from typing import Final

from cluster_ai import __version__
from cluster_ai.core.paths import PRIVATE_DIR, Home
from cluster_ai.ops import pouring, tables
from cluster_ai.ops.archive import links, measured, pack, stays_inside
from cluster_ai.ops.proving import disk_said, prove, scratch
from cluster_ai.ops.sealed import Key, Sealing
from cluster_ai.ops.shelf import Shelf, drafted
from cluster_ai.ops.types import DATABASE, FORMAT, KEPT, DatabaseElsewhere, Manifest

SAMPLES: Final = 100


def refuse_elsewhere(home: Home, database_url: str) -> None:
    """Raises DatabaseElsewhere: the database is a file, and not that in the data directory."""
    if server_of(database_url):
        return
    if Path(database_url.partition(":///")[2]) != home.database:
        raise DatabaseElsewhere(
            "the database lies outside the data directory", hint=f"let database_url out; it is {home.database} then"
        )


def server_of(database_url: str) -> str:
    """The URL, when it is a server's; empty for a file."""
    return database_url if database_url.startswith("postgres") else ""


def create(home: Home, shelf: Shelf, key: Key, *, now: float, server: str = "") -> Path:
    """A proven backup. Blocks for as long as the database takes; the cluster may run.

    Args:
        home: what is backed up.
        shelf: where it goes.
        key: what it is sealed with.
        now: Unix seconds.
        server: URL of the PostgreSQL that the head works on; empty for the file in its data directory.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
        NoSpace, BackupFolder: there is no room, or it cannot be written; nothing is left behind.
        BackupUnproven: what was written does not give back what went in; it stays, with the reason beside it.
    """
    with disk_said(), scratch(home) as folder:
        shelf.make()
        manifest = _gather(home, folder, now=now, server=server)
        path = _write(folder, manifest, shelf.folder / shelf.new_name(now), key)
    prove(path, home, key)
    return path


def _gather(home: Home, folder: Path, *, now: float, server: str) -> Manifest:
    database = folder / DATABASE
    database.parent.mkdir(mode=PRIVATE_DIR, parents=True)
    if server:
        pouring.pour(server, f"sqlite:///{database}")
        database.with_name(f"{database.name}.migrating").unlink(missing_ok=True)
    else:
        tables.copy_live(home.database, database)
    for name in KEPT:
        _copy(home.root / name, folder / name, besides=home.database)
    tables.check_whole(database)
    entries, head = tables.chain_head(database)
    rows = tables.row_counts(database)
    return Manifest(
        format=FORMAT,
        version=__version__,
        revision=tables.revision(database),
        made_at=now,
        members=measured(folder),
        links=links(folder),
        rows=rows,
        entries=entries,
        head=head,
        samples=tables.sample(database, rows, most=SAMPLES, rng=random.Random()),  # noqa: S311 - a sample, no secret
    )


def _copy(source: Path, target: Path, *, besides: Path) -> None:
    """Files only; one that vanishes meanwhile was not there. The database has its own way."""
    files = [source] if source.is_file() else sorted(source.rglob("*"))
    for file in files:
        if not _is_wanted(file) or _is_of(file, besides):
            continue
        at = target / file.relative_to(source) if file != source else target
        at.parent.mkdir(mode=PRIVATE_DIR, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            shutil.copyfile(file, at, follow_symlinks=False)


def _is_wanted(file: Path) -> bool:
    return stays_inside(str(file.readlink())) if file.is_symlink() else file.is_file()


def _is_of(file: Path, database: Path) -> bool:
    return file.name.endswith((".lock", ".migrating")) or (
        file.parent == database.parent and file.name in {f"{database.name}{end}" for end in ("", "-wal", "-shm")}
    )


def _write(folder: Path, manifest: Manifest, path: Path, key: Key) -> Path:
    with drafted(path) as file:
        sealing = Sealing(file, key)
        pack(folder, manifest, sealing)
        sealing.finish()
    return path
