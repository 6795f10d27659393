"""All rows of one database into another that has none: PostgreSQL to SQLite for a backup, SQLite to PostgreSQL to move.

Both sides are read as they lie, with whatever tables their version has. JSON goes over as the text that it is stored
as.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from alembic import command

from cluster_ai.core.db import driver_url, translated
from cluster_ai.core.migrate import blocking_engine, changing, config, current
from cluster_ai.ops.types import BackupUnproven, DatabaseNotEmpty

ROWS: Final = 500
"""Rows that are held at a time."""
_VERSION: Final = "alembic_version"
_RING: Final = 1 << 256


def pour(source: str, target: str) -> dict[str, int]:
    """Rows of each table. One snapshot of ``source``, which others may write to; one transaction of ``target``. Blocks.

    Args:
        source: URL of a database of ours.
        target: URL of one without tables; it gets those of the source's version.

    Raises:
        DatabaseNotEmpty: the target has tables of ours already.
        DatabaseUnavailable: one of them cannot be reached, read or written.
        BackupUnproven: what is there now is not what went in; nothing is kept of it.
    """
    with _reading(source) as giving, changing(target) as taking:
        if current(taking) is not None:
            raise DatabaseNotEmpty("the target has tables of a cluster", hint="name an empty database")
        revision = current(giving)
        if revision is None:
            return {}
        command.upgrade(config(taking), revision)
        tables, theirs = _tables(giving), {table.name: table for table in _tables(taking)}
        for table in reversed(tables):
            # Some begin with a row.
            taking.execute(sa.delete(theirs[table.name]))
        counts = {table.name: _poured(giving, taking, table, theirs[table.name]) for table in tables}
        _count_on(taking, theirs.values())
        return counts


@contextmanager
def _reading(url: str) -> Iterator[sa.Connection]:
    address = driver_url(url)
    with blocking_engine(address) as engine, translated(), engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)  # noqa: PLW2901
        with connection.begin():
            yield connection


def _tables(connection: sa.Connection) -> list[sa.Table]:
    """Those that others refer to first. Columns of JSON have no type: their text is neither read nor made."""
    metadata = sa.MetaData()
    metadata.reflect(connection)
    for table in metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, sa.JSON):
                column.type = sa.types.NullType()
                column.info["json"] = True
    return [table for table in metadata.sorted_tables if table.name != _VERSION]


def _poured(giving: sa.Connection, taking: sa.Connection, table: sa.Table, theirs: sa.Table) -> int:
    count = went = 0
    texts = [column.name for column in table.columns if column.info.get("json")]
    for rows in _rows(giving, table):
        taking.execute(sa.insert(theirs), rows)
        count, went = count + len(rows), (went + _sum(rows, texts)) % _RING
    came = sum(_sum(rows, texts) for rows in _rows(taking, theirs)) % _RING
    if came != went:
        raise BackupUnproven(f"the rows of {table.name} are not those that went in")
    return count


def _rows(connection: sa.Connection, table: sa.Table) -> Iterator[list[dict[str, Any]]]:
    columns = sorted(table.columns, key=lambda column: column.name)
    asked = sa.select(*map(_read, columns))
    with connection.execute(asked, execution_options={"yield_per": ROWS}) as found:
        for page in found.mappings().partitions():
            yield [dict(row) for row in page]


def _read(column: "sa.Column[Any]") -> "sa.ColumnElement[Any]":
    return sa.cast(column, sa.Text).label(column.name) if column.info.get("json") else column


def _sum(rows: list[dict[str, Any]], texts: list[str]) -> int:
    """The same in whatever order they come. ``texts``: columns of JSON."""
    return sum(_stands_for(row | {name: meant(row[name]) for name in texts}) for row in rows) % _RING


def _stands_for(row: dict[str, Any]) -> int:
    return int.from_bytes(hashlib.sha256(repr(row).encode()).digest())


def meant(text: str | None) -> str | float | None:
    """JSON as it can be compared: SQLite keeps a number that stands alone as a number, not as it was written."""
    try:
        return float(text) if text is not None else None
    except ValueError:
        return text


def _count_on(connection: sa.Connection, tables: Iterable[sa.Table]) -> None:
    """What numbers rows by itself goes on behind the last one."""
    if connection.dialect.name != "postgresql":
        return
    for table in tables:
        for column in table.primary_key.columns:
            sequence = sa.func.pg_get_serial_sequence(f'"{table.name}"', column.name)
            name = connection.execute(sa.select(sequence)).scalar()
            last = connection.execute(sa.select(sa.func.max(column))).scalar() if name else None
            if last is not None:
                connection.execute(sa.select(sa.func.setval(name, last)))
