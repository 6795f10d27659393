"""SQL of backups; nowhere else. A SQLite file is read as it lies, with whatever tables its version has."""

import hashlib
import random
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from cluster_ai.accounts.audit import check_chain
from cluster_ai.accounts.types import AuditBroken, AuditEntry
from cluster_ai.core.migrate import DatabaseNewer, upgrade
from cluster_ai.ops.types import BackupNewer, BackupUnproven, Sample, StillUsed
from cluster_ai.supervisor.preflight import NoSpace

BUSY_SECONDS: Final = 30.0
_AUDIT: Final = ("number", "at", "actor", "action", "subject", "outcome", "address", "previous", "hash")


def copy_live(source: Path, target: Path) -> None:
    """A consistent copy of a database that others write to meanwhile. Blocks; nobody waits for it (WAL).

    Raises:
        NoSpace: the disk is full.
        BackupUnproven: the database cannot be read.
    """
    with _told("the database cannot be copied"), _opened(source) as live, closing(sqlite3.connect(target)) as copy:
        # All pages in one step: in several, each write of somebody else would begin it anew.
        live.backup(copy, pages=-1)
        copy.execute("PRAGMA journal_mode=DELETE")


def check_whole(path: Path) -> None:
    """Raises BackupUnproven: the file is damaged."""
    with _told("the database cannot be read"), _opened(path) as connection:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check(1)")]
        if found != ["ok"]:
            raise BackupUnproven(f"the database is damaged: {found[0]}")
        if broken := connection.execute("PRAGMA foreign_key_check").fetchone():
            raise BackupUnproven(f"a row of {broken[0]} refers to none")


def revision(path: Path) -> str:
    """The version of the tables; empty without any."""
    with _told("the database cannot be read"), _opened(path) as connection:
        if "alembic_version" not in _tables(connection):
            return ""
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return "" if row is None else str(row[0])


def row_counts(path: Path) -> dict[str, int]:
    """Rows of each table."""
    with _told("the database cannot be read"), _opened(path) as connection:
        return {name: _count(connection, name) for name in _tables(connection)}


def chain_head(path: Path) -> tuple[int, str]:
    """Number and hash of the last audit entry, all of them checked.

    Raises:
        BackupUnproven: the chain is broken.
    """
    with _told("the audit log cannot be read"), _opened(path) as connection:
        if "audit" not in _tables(connection):
            return 0, ""
        rows = connection.execute(f"SELECT {', '.join(_AUDIT)} FROM audit ORDER BY number")  # noqa: S608 - names of ours
        entries = (AuditEntry.model_validate(dict(zip(_AUDIT, row, strict=True))) for row in rows)
        try:
            return check_chain(entries)
        except AuditBroken as exc:
            raise BackupUnproven(exc.message) from exc


def sample(path: Path, rows: dict[str, int], *, most: int, rng: random.Random) -> tuple[Sample, ...]:
    """So many rows, each table by its share."""
    names = [name for name, count in rows.items() if count]
    if not names:
        return ()
    drawn = rng.choices(names, weights=[rows[name] for name in names], k=most)
    chosen = [(name, rng.randrange(rows[name])) for name in drawn]
    with _told("the database cannot be read"), _opened(path) as connection:
        return tuple(Sample(table=name, offset=at, sha256=_row(connection, name, at)) for name, at in chosen)


def differing(path: Path, samples: Iterable[Sample]) -> Iterator[Sample]:
    """Those whose row is not the same here."""
    with _told("the database cannot be read"), _opened(path) as connection:
        yield from (one for one in samples if _row(connection, one.table, one.offset) != one.sha256)


def bring_forward(path: Path) -> None:
    """Runs the migrations that are missing.

    Raises:
        BackupNewer: a newer program made these tables.
    """
    try:
        upgrade(f"sqlite:///{path}")
    except DatabaseNewer as exc:
        raise BackupNewer(exc.message, hint="install that version of the program first") from exc
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    Path(f"{path}.migrating").unlink(missing_ok=True)


def refuse_used(path: Path) -> None:
    """Raises StillUsed: some process has the database open."""
    if not path.exists():
        return
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        try:
            # In WAL mode nobody gets the exclusive lock while any other connection is open, idle or not.
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                raise StillUsed(f"some process has {path} open", hint="cluster-ai down, then again") from exc
            # A damaged one is what restoring is for.
        except sqlite3.DatabaseError:
            return


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        connection.execute("PRAGMA query_only=ON")
        yield connection


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as exc:
        if getattr(exc, "sqlite_errorname", "") == "SQLITE_FULL":
            raise NoSpace("the disk is full; no backup was made", hint="free some space, then again") from exc
        raise BackupUnproven(f"{what}: {exc}") from exc


def _tables(connection: sqlite3.Connection) -> list[str]:
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type='table' AND name NOT LIKE 'sqlite_%'")
    return sorted(row[0] for row in rows)


def _count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {_quoted(table)}").fetchone()[0])  # noqa: S608 - quoted


def _row(connection: sqlite3.Connection, table: str, offset: int) -> str:
    """The same page for page: without an order the rows of a copy come as those of the original."""
    row = connection.execute(f"SELECT * FROM {_quoted(table)} LIMIT 1 OFFSET ?", (offset,)).fetchone()  # noqa: S608 - quoted
    return hashlib.sha256(repr(row).encode()).hexdigest()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
