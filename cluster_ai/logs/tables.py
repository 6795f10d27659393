"""SQL of the log store: a SQLite file of its own, whatever the cluster's database is. Nowhere else.

Every function but ``create`` takes the connection of a unit of work.
"""

import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.db_errors import DatabaseUnavailable
from cluster_ai.logs.files import FileId, Place
from cluster_ai.logs.query import Query, match_of
from cluster_ai.logs.types import NAMES, RANKS, WARNING, Entry, LogLine, MinuteCount

VERSION: Final = 1
BROKEN: Final = ".broken"
_MICROSECONDS: Final = 1_000_000

_SCHEMA: Final = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
BEGIN IMMEDIATE;
CREATE TABLE lines (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    level INTEGER NOT NULL,
    part TEXT NOT NULL,
    node TEXT NOT NULL,
    text TEXT NOT NULL,
    fields TEXT NOT NULL
);
CREATE INDEX lines_at ON lines (at, level);
CREATE INDEX lines_part ON lines (part, id);
CREATE INDEX lines_node ON lines (node, id);
CREATE INDEX lines_bad ON lines (id) WHERE level >= 30;
CREATE VIRTUAL TABLE words USING fts5(
    text, fields, content='lines', content_rowid='id', tokenize='unicode61 remove_diacritics 2'
);
CREATE TABLE places (
    device TEXT NOT NULL, inode TEXT NOT NULL, part TEXT NOT NULL,
    position INTEGER NOT NULL, head TEXT NOT NULL, size INTEGER NOT NULL,
    PRIMARY KEY (device, inode)
);
CREATE TABLE sent (sink TEXT PRIMARY KEY, id INTEGER NOT NULL);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO facts VALUES ('store', :store), ('lost', '0');
PRAGMA user_version = 1;
COMMIT;
"""

lines: Final = sa.table("lines", *map(sa.column, ("id", "at", "level", "part", "node", "text", "fields")))
words: Final = sa.table("words", sa.column("rowid"))


def create(path: Path) -> None:
    """Makes the file unless it is there. One that is damaged, or of another version, is set aside as ``*.broken``.

    Raises:
        DatabaseUnavailable: it cannot be made.
    """
    try:
        if _is_good(path):
            return
        if path.exists():
            path.replace(path.with_name(path.name + BROKEN))
            for more in ("-wal", "-shm"):
                path.with_name(path.name + more).unlink(missing_ok=True)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.executescript(_SCHEMA.replace(":store", f"'{secrets.token_hex(4)}'"))
        path.chmod(0o600)
    except (OSError, sqlite3.Error) as exc:
        raise DatabaseUnavailable(f"the log store cannot be made: {exc}", hint=f"look at {path.parent}") from exc


def _is_good(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(path)) as connection:
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            connection.execute("SELECT id FROM lines ORDER BY id DESC LIMIT 1").fetchall()
    except sqlite3.DatabaseError as exc:
        # One that is only locked or full is not damaged.
        if exc.sqlite_errorname.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT", "SQLITE_ERROR")):
            return False
        raise
    return bool(found == VERSION)


async def add(connection: AsyncConnection, entries: Sequence[Entry]) -> None:
    """Stores lines and indexes their words."""
    if not entries:
        return
    last = await last_id(connection)
    rows = [(one.at, one.level, one.part, one.node, one.text, one.fields) for one in entries]
    insert = "INSERT INTO lines (at, level, part, node, text, fields) VALUES (?, ?, ?, ?, ?, ?)"
    await connection.exec_driver_sql(insert, rows)
    index = "INSERT INTO words (rowid, text, fields) SELECT id, text, fields FROM lines WHERE id > ?"
    await connection.exec_driver_sql(index, (last,))


async def last_id(connection: AsyncConnection) -> int:
    """The number of the newest line that was ever stored; 0 before the first."""
    found = await connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = 'lines'")
    return int(found.scalar() or 0)


async def put_places(connection: AsyncConnection, places: Iterable[Place]) -> None:
    rows = [(str(one.id[0]), str(one.id[1]), one.part, one.offset, one.head, one.size) for one in places]
    if rows:
        await connection.exec_driver_sql("INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?, ?, ?)", rows)


async def forget_places(connection: AsyncConnection, ids: Iterable[FileId]) -> None:
    rows = [(str(device), str(inode)) for device, inode in ids]
    if rows:
        await connection.exec_driver_sql("DELETE FROM places WHERE device = ? AND inode = ?", rows)


async def places(connection: AsyncConnection) -> dict[FileId, Place]:
    found: Any = await connection.exec_driver_sql("SELECT device, inode, part, position, head, size FROM places")
    known = [Place((int(row[0]), int(row[1])), row[2], row[3], row[4], row[5]) for row in found]
    return {place.id: place for place in known}


async def add_lost(connection: AsyncConnection, count: int) -> None:
    sql = "UPDATE facts SET value = CAST(value AS INTEGER) + ? WHERE name = 'lost'"
    await connection.exec_driver_sql(sql, (count,))


async def facts(connection: AsyncConnection) -> dict[str, str]:
    """``store``: what tells this file from every other; ``lost``: bytes that were never collected."""
    found: Any = await connection.exec_driver_sql("SELECT name, value FROM facts")
    return {str(row[0]): str(row[1]) for row in found}


async def page(
    connection: AsyncConnection, query: Query, *, before: int | None = None, after: int | None = None, limit: int
) -> tuple[LogLine, ...]:
    """Lines that meet ``query``: the newest first, or the oldest first of those ``after`` a number."""
    picked, number, values = await _picked(connection, query)
    if before is not None:
        picked = picked.where(number < before)
    if after is not None:
        picked = picked.where(number > after)
    columns = [lines.c[name] for name in ("id", "at", "level", "part", "node", "text", "fields")]
    ordered = picked.with_only_columns(*columns).order_by(number if after is not None else number.desc()).limit(limit)
    return tuple(map(_line, await connection.execute(ordered, values)))


async def counts(connection: AsyncConnection, query: Query, *, first: int, step: int) -> tuple[MinuteCount, ...]:
    """Lines per ``step`` from ``first`` on (both in seconds), in order; steps without any are left out."""
    picked, _, values = await _picked(connection, query)
    sums = [_sum(lines.c.level == WARNING), _sum(lines.c.level >= RANKS["error"])]
    number: Any = sa.literal_column(f"lines.at / {step * _MICROSECONDS}").label("step")
    asked = (
        picked.with_only_columns(number, sa.func.count(), *sums)
        .where(lines.c.at >= first * _MICROSECONDS)
        .group_by(sa.text("step"))
        .order_by(sa.text("step"))
    )
    found = await connection.execute(asked, values)
    return tuple(
        MinuteCount(at=number * step, lines=count, warnings=warnings, errors=errors)
        for number, count, warnings, errors in found
    )


def _sum(condition: "sa.ColumnElement[bool]") -> "sa.Function[Any]":
    return sa.func.sum(sa.case((condition, 1), else_=0))


async def _picked(connection: AsyncConnection, query: Query) -> "tuple[sa.Select[Any], Any, dict[str, Any]]":
    """What ``query`` picks, the column to order by, and the values of its words."""
    must, mustnot = match_of(query)
    values: dict[str, Any] = {}
    number: Any = lines.c.id
    picked = sa.select(lines.c.id)
    if must:
        # Ordered by the index of words itself: it yields its matches by number, so that a page ends early.
        number, values["must"] = words.c.rowid, must
        picked = (
            sa.select(number).select_from(words.join(lines, lines.c.id == number)).where(sa.text("words MATCH :must"))
        )
    if mustnot:
        values["mustnot"] = mustnot
        picked = picked.where(sa.text("lines.id NOT IN (SELECT rowid FROM words WHERE words MATCH :mustnot)"))
    picked = _narrowed(picked, query)
    low, high = await _bounds(connection, query)
    picked = picked if low is None else picked.where(number >= low)
    picked = picked if high is None else picked.where(number <= high)
    return picked, number, values


def _narrowed(picked: "sa.Select[Any]", query: Query) -> "sa.Select[Any]":
    if query.level >= WARNING:
        # Word for word what the index of bad lines says of itself: else it is not used.
        picked = picked.where(sa.text(f"lines.level >= {WARNING}"))
    if query.level:
        picked = picked.where(lines.c.level >= query.level)
    for named in query.named:
        column = lines.c[named.field]
        found = sa.or_(*(_is_named(column, name) for name in named.names))
        picked = picked.where(sa.not_(found) if named.without else found)
    if query.since is not None:
        picked = picked.where(lines.c.at >= query.since)
    return picked if query.until is None else picked.where(lines.c.at < query.until)


def _is_named(column: Any, name: str) -> "sa.ColumnElement[bool]":
    if not name.endswith("*"):
        return sa.and_(column == name)
    front = name[:-1]
    # A range, which an index serves; names hold no character beyond it.
    return sa.and_(column >= front, column < front + "\U0010ffff")


async def _bounds(connection: AsyncConnection, query: Query) -> tuple[int | None, int | None]:
    """The numbers between which lines of that time lie: without them a page would go through all the others."""
    low = high = None
    if query.since is not None:
        low = (await connection.exec_driver_sql("SELECT MIN(id) FROM lines WHERE at >= ?", (query.since,))).scalar()
        low = await last_id(connection) + 1 if low is None else low
    if query.until is not None:
        high = (
            await connection.exec_driver_sql("SELECT MAX(id) FROM lines WHERE at < ?", (query.until,))
        ).scalar() or 0
    return low, high


def _line(row: Any) -> LogLine:
    number, at, level, part, node, text, fields = row
    return LogLine(
        number=number, at=at / _MICROSECONDS, level=NAMES[level], part=part, node=node, text=text,
        fields=orjson.loads(fields),
    )  # fmt: skip


async def size(connection: AsyncConnection) -> int:
    """Bytes of the file that hold something."""
    found = await connection.exec_driver_sql(
        "SELECT (c.page_count - f.freelist_count) * s.page_size"
        " FROM pragma_page_count c, pragma_freelist_count f, pragma_page_size s"
    )
    return int(found.scalar_one())


async def held(connection: AsyncConnection) -> tuple[int, float | None]:
    """How many lines, as far as their numbers tell, and when the oldest was written."""
    # Three questions, each answered by one end of an index.
    asked = ("SELECT MIN(id) FROM lines", "SELECT MAX(id) FROM lines", "SELECT MIN(at) FROM lines")
    first, last, oldest = [(await connection.exec_driver_sql(sql)).scalar() for sql in asked]
    return (last - first + 1 if last is not None else 0), (None if oldest is None else oldest / _MICROSECONDS)


async def drop(connection: AsyncConnection, *, before: int | None, most: int) -> int:
    """Removes up to ``most`` lines, the oldest first: those written before ``before``, or any; how many it were."""
    where = "" if before is None else "WHERE at < :before"
    order = "id" if before is None else "at"
    some = f"SELECT id FROM lines {where} ORDER BY {order} LIMIT :most"  # noqa: S608 - no value stands in it
    values = {"most": most, **({} if before is None else {"before": before})}
    ids = [row[0] for row in await connection.execute(sa.text(some), values)]
    if not ids:
        return 0
    chosen: Any = sa.bindparam("ids", expanding=True)
    unindex = sa.text(
        "INSERT INTO words (words, rowid, text, fields) SELECT 'delete', id, text, fields FROM lines WHERE id IN :ids"
    ).bindparams(chosen)
    await connection.execute(unindex, {"ids": ids})
    await connection.execute(sa.text("DELETE FROM lines WHERE id IN :ids").bindparams(chosen), {"ids": ids})
    return len(ids)


async def give_back(connection: AsyncConnection, pages: int) -> None:
    """Returns up to ``pages`` free pages of the file to the disk."""
    free = int((await connection.exec_driver_sql("PRAGMA freelist_count")).scalar_one())
    for _ in range(min(free, pages)):
        # One at a time: it frees a page for each row that is fetched, and Python fetches none of rows without columns.
        await connection.exec_driver_sql("PRAGMA incremental_vacuum(1)")


async def sent(connection: AsyncConnection, sink: str) -> int | None:
    """The last line that ``sink`` has taken; None before its first."""
    found = await connection.exec_driver_sql("SELECT id FROM sent WHERE sink = ?", (sink,))
    number = found.scalar()
    return None if number is None else int(number)


async def mark_sent(connection: AsyncConnection, sink: str, number: int) -> None:
    await connection.exec_driver_sql("INSERT OR REPLACE INTO sent VALUES (?, ?)", (sink, number))
