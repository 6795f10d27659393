"""All rows from SQLite to PostgreSQL and back: the same, whatever stands in them."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cluster_ai.core.db import driver_url
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.migrate import blocking_engine, upgrade
from cluster_ai.core.paths import Home
from cluster_ai.ops import pouring, tables
from cluster_ai.ops.creating import create
from cluster_ai.ops.pouring import meant, pour
from cluster_ai.ops.restoring import restore
from tests.ops.places import NOW, add_entries, key_of, raises, shelf_of

pytestmark = pytest.mark.real

TEXTS = ("", "plain", "ação 🜁", "quoted \"' %s {x}", "a\nb\tc", "1e5", "null", "\u2028")
JSON = ("{}", "[]", "null", '{"a": [1, 2.50, "x"],  "b":null}', '"text"', "12345678901234567890", '{"ç": "\\u00e7"}')

ODD = {
    sa.JSON: JSON,
    sa.Boolean: (True, False),
    sa.Float: (0.0, 1.0, -0.1, 1e300, 5e-324, 1_790_000_000.123456),
    sa.LargeBinary: (b"", b"\x00\xff"),
}


def filled(url: str, *, each: int = 5, seed: int = 1) -> None:
    """Rows with odd values in every table there is, those of tables that refer to others, too."""
    rng, engine = random.Random(seed), sa.create_engine(url.replace("sqlite://", "sqlite+pysqlite://"))
    metadata = sa.MetaData()
    metadata.reflect(engine)
    kept: dict[str, list[dict[str, Any]]] = {}
    with engine.begin() as connection:
        for table in metadata.sorted_tables:
            if table.name == "alembic_version":
                continue
            kept[table.name] = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            for number in range(each):
                row = {column.name: value(column, number, rng) for column in table.columns}
                if not all(kept[key.column.table.name] for key in table.foreign_keys):
                    continue
                for key in table.foreign_keys:
                    others = kept[key.column.table.name]
                    row[key.parent.name] = others[number % len(others)][key.column.name]
                for column in table.columns:
                    if isinstance(column.type, sa.JSON):
                        row[column.name] = sa.type_coerce(row[column.name], sa.Text)
                with connection.begin_nested() as savepoint:
                    try:
                        connection.execute(sa.insert(table).values(row))
                        kept[table.name].append(row)
                    except sa.exc.IntegrityError:
                        savepoint.rollback()  # a check of the table knows fewer words than we
    engine.dispose()


def value(column: "sa.Column[Any]", number: int, rng: random.Random) -> Any:
    """Something odd of the column's type."""
    kind = column.type
    if column.nullable and not column.primary_key and rng.random() < 0.3:
        return None
    if isinstance(kind, sa.Integer):
        return 7 + number if column.primary_key else rng.choice((0, -1, 2**31 - 1))
    if isinstance(kind, sa.String):
        return f"{number}{rng.choice(TEXTS)}"[: kind.length or None]
    return rng.choice(next(values for type_, values in ODD.items() if isinstance(kind, type_)))


def everything(url: str) -> dict[str, list[str]]:
    """By table: its rows as text, JSON to the letter."""
    with blocking_engine(driver_url(url)) as engine, engine.connect() as connection:
        found = {}
        for table in pouring._tables(connection):
            texts = {column.name for column in table.columns if column.info.get("json")}
            rows = [row for page in pouring._rows(connection, table) for row in page]
            told = [{key: meant(text) if key in texts else text for key, text in row.items()} for row in rows]
            found[table.name] = sorted(map(repr, told))
        return found


@pytest.fixture
def source(tmp_path: Path, sqlite_template: Path) -> str:
    path = tmp_path / "source.db"
    path.write_bytes(sqlite_template.read_bytes())
    filled(f"sqlite:///{path}")
    return f"sqlite:///{path}"


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(pouring, "ROWS", 2)
    return None


@pytest.mark.usefixtures("small_pages")
def test_forth_and_back_every_row_is_the_same(source: str, postgres_url: str, tmp_path: Path) -> None:
    before = everything(source)
    assert sum(map(bool, before.values())) > 0.8 * len(before), "most tables have rows"
    counts = pour(source, postgres_url)
    assert counts == {name: len(rows) for name, rows in before.items()}
    assert everything(postgres_url) == before
    back = f"sqlite:///{tmp_path / 'back.db'}"
    assert pour(postgres_url, back) == counts
    assert everything(back) == before
    tables.check_whole(tmp_path / "back.db")


def test_numbers_go_on_behind_the_last(source: str, postgres_url: str) -> None:
    pour(source, postgres_url)
    with blocking_engine(driver_url(postgres_url)) as engine, engine.begin() as connection:
        row = connection.execute(
            sa.text(
                "SELECT max(number), nextval(pg_get_serial_sequence('gateway_requests', 'number')) FROM gateway_requests"
            )
        ).one()
    assert row[1] == row[0] + 1


def test_one_with_tables_is_left_alone(source: str, postgres_tables_url: str) -> None:
    before = everything(postgres_tables_url)
    raises("database_not_empty", lambda: pour(source, postgres_tables_url))
    assert everything(postgres_tables_url) == before


def test_what_differs_on_the_other_side_is_not_kept(
    source: str, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = sa.insert

    def lossy(table: Any) -> Any:
        made = insert(table)
        return made.prefix_with("/* */") if table.name != "users" else sa.text("SELECT 1")

    monkeypatch.setattr(pouring.sa, "insert", lossy)
    raises("backup_unproven", lambda: pour(source, postgres_url))
    monkeypatch.undo()
    assert pour(source, postgres_url), "nothing was left there"


def test_a_server_that_is_away_is_told(tmp_path: Path) -> None:
    with pytest.raises(ClusterError) as refused:
        pour("postgresql://nobody@127.0.0.1:1/x", f"sqlite:///{tmp_path / 'x.db'}")
    assert refused.value.code == "database_unavailable"


def test_an_older_version_of_the_tables_stays_that(postgres_url: str, tmp_path: Path) -> None:
    upgrade(postgres_url, to="0009")
    path = tmp_path / "old.db"
    pour(postgres_url, f"sqlite:///{path}")
    assert tables.revision(path) == "0009"


def test_backup_of_a_server_is_restored_on_a_fresh_machine(home: Home, postgres_url: str, tmp_path: Path) -> None:
    add_entries(home.database, ["word"] * 20)
    with closing(sqlite3.connect(home.database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pour(f"sqlite:///{home.database}", postgres_url)
    wanted = everything(postgres_url)
    home.database.unlink()
    path = create(home, shelf_of(home), key_of(home), now=NOW, server=postgres_url)
    fresh = Home(tmp_path / "fresh")
    restore(path, fresh, key_of(home), now=NOW)
    assert everything(f"sqlite:///{fresh.database}") == wanted
    assert tables.chain_head(fresh.database)[0] == 25
    assert not list(fresh.data.glob("*.migrating"))
