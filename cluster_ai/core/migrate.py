"""Brings the tables to the version of this code, under a lock, all or nothing.

A process that is killed in the middle leaves the old version behind: the data definition and Alembic's own version row
are one transaction, and the lock ends with its process.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.pool import ConnectionPoolEntry

from cluster_ai.core.db import DatabaseUnavailable, driver_url, translated
from cluster_ai.core.errors import Conflict, Misconfigured

LOCK = 6_402_373_705
"""PostgreSQL's advisory lock that all our processes agree on."""


class DatabaseNewer(Conflict):
    """The tables were made by a newer version of this program."""

    code = "database_newer"


def upgrade(url: str, *, to: str = "head") -> None:
    """Runs every migration that is missing. Blocks; call it in a thread. Nothing is written when none is missing.

    Raises:
        DatabaseNewer: the tables are newer than this code.
        Misconfigured: a database of PostgreSQL's that is not in UTF-8.
        DatabaseUnavailable: the database cannot be reached or written.
    """
    with changing(url) as connection:
        _refuse_newer(connection)
        if current(connection) != _head(to):
            _begin_to_write(connection)
            command.upgrade(config(connection), to)


def downgrade(url: str, *, to: str) -> None:
    """Undoes migrations down to ``to`` (``base`` for an empty database). Loses what stands in their tables."""
    with changing(url) as connection:
        command.downgrade(config(connection), to)


@contextmanager
def changing(url: str) -> Iterator[Connection]:
    """One transaction of the one process that changes tables now; it is kept when the block ends well. Blocks.

    Raises:
        DatabaseUnavailable: the database cannot be reached or written.
    """
    address = driver_url(url)
    with blocking_engine(address) as engine, translated(), _locked(address, engine) as connection:
        yield connection


def current(connection: Connection) -> str | None:
    """The version of the tables; None for an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, without a file."""
    made = Config()
    # Alembic reads percent signs in values as references.
    made.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    made.set_main_option("path_separator", "os")
    made.attributes["connection"] = connection
    return made


def _head(to: str) -> str | None:
    return ScriptDirectory.from_config(config()).get_current_head() if to == "head" else to


def _refuse_newer(connection: Connection) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    found = current(connection)
    if found is not None and found not in known:
        raise DatabaseNewer(
            f"the database is at version {found}, which this program does not know",
            hint="start the newer version again, or restore the backup made before the update",
        )


@contextmanager
def blocking_engine(address: URL) -> Iterator[Engine]:
    """For programs without a loop; its connections end with the block."""
    sqlite = address.get_backend_name() == "sqlite"
    arguments = {"timeout": 30} if sqlite else {"connect_timeout": 5}
    engine = create_engine(address.set(drivername="sqlite+pysqlite") if sqlite else address, connect_args=arguments)
    if sqlite:
        event.listen(engine, "connect", _plain_connection)
        event.listen(engine, "begin", _begin)
    else:
        # Before what the library itself asks of a new connection.
        event.listen(engine, "connect", _refuse_other_encodings, insert=True)
    try:
        yield engine
    finally:
        engine.dispose()


def _plain_connection(connection: object, _record: object) -> None:
    # The driver commits before DDL on its own; without that a migration is one transaction, as on PostgreSQL.
    connection.isolation_level = None  # type: ignore[attr-defined]
    connection.execute("PRAGMA synchronous=FULL")  # type: ignore[attr-defined]


def _refuse_other_encodings(_connection: object, record: ConnectionPoolEntry) -> None:
    # Where the language was not set when the server was made (LANG=C), it is SQL_ASCII: text comes back as bytes then.
    found = record.driver_connection.info.parameter_status("server_encoding")  # type: ignore[union-attr]
    if found != "UTF8":
        raise Misconfigured(
            f"the database that database_url names is in {found}, which cannot hold every text",
            hint="make one in UTF-8 and name that: createdb --encoding=UTF8 --template=template0 NAME",
        )


def _begin(connection: Connection) -> None:
    # DEFERRED for a start: a read-only file must still be readable; the file lock keeps two migrators apart.
    connection.exec_driver_sql("BEGIN")


def _begin_to_write(connection: Connection) -> None:
    # Whoever has begun to read and then writes is refused at once while somebody else writes (a gateway that stores
    # what was used); whoever begins as a writer waits for their turn.
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def _locked(address: URL, engine: Engine) -> Iterator[Connection]:
    if address.get_backend_name() == "postgresql":
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            yield connection
        return
    with _file_lock(Path(f"{address.database}.migrating")), engine.begin() as connection:
        yield connection


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
    try:
        # Opened for reading: a lock file that turned read-only with the rest must not keep the API from starting.
        handle = os.open(path, os.O_RDONLY | os.O_CREAT, 0o600)
    except OSError as exc:
        raise DatabaseUnavailable(f"{path} cannot be made: {exc.strerror}") from exc
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
