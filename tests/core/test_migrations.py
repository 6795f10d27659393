"""Every migration on both databases: forth, back, twice, by two at once, killed in the middle."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, MetaData, create_engine, inspect, text

from cluster_ai.accounts import tables
from cluster_ai.core.db import driver_url
from cluster_ai.core.errors import Misconfigured
from cluster_ai.core.migrate import DatabaseNewer, downgrade, upgrade
from tests.core.tables_alike import differences

ROOT = Path(__file__).parents[2]


def sync(url: str) -> Engine:
    return create_engine(url if url.startswith("sqlite") else driver_url(url))


def names(url: str) -> set[str]:
    engine = sync(url)
    found = set(inspect(engine).get_table_names())
    engine.dispose()
    return found


def test_forth_and_back(empty_url: str) -> None:
    upgrade(empty_url)
    assert {"users", "sessions", "audit", "core_probe"} <= names(empty_url)
    upgrade(empty_url)
    downgrade(empty_url, to="base")
    assert names(empty_url) <= {"alembic_version"}
    upgrade(empty_url)
    assert "users" in names(empty_url)


def test_tables_in_the_code_are_those_in_the_database(url: str) -> None:
    assert isinstance(tables.metadata, MetaData)
    assert differences(url, tables.metadata) == []


def test_two_processes_at_once(empty_url: str) -> None:
    code = "import sys; from cluster_ai.core.migrate import upgrade; upgrade(sys.argv[1])"
    both = [
        subprocess.Popen([sys.executable, "-c", code, empty_url], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
        for _ in range(2)
    ]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    assert "users" in names(empty_url)


def test_newer_tables_are_refused(url: str) -> None:
    engine = sync(url)
    with engine.begin() as connection:
        own = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseNewer, match="9999"):
        upgrade(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :own"), {"own": own})
    engine.dispose()


def test_somebody_who_writes_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "test.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("BEGIN IMMEDIATE")
        ending = threading.Timer(0.5, lambda: writer.execute("COMMIT"))
        ending.start()
        upgrade(f"sqlite:///{path}")
        ending.join()
    assert "users" in names(f"sqlite:///{path}")


KILLED_AT = """
import os, signal, sys
from sqlalchemy import event, Engine
from cluster_ai.core.migrate import upgrade

def migrate_and_die(after):
    seen = 0
    def counted(*_):
        nonlocal seen
        seen += 1
        if seen == after:
            os.kill(os.getpid(), signal.SIGKILL)
    event.listen(Engine, "after_cursor_execute", counted)
    upgrade(sys.argv[1])
    os._exit(0)

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        migrate_and_die(int(line))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_kill_after_any_statement_leaves_the_old_version_whole(tmp_path: Path) -> None:
    path, killed = tmp_path / "x.db", 0
    killer = subprocess.Popen(
        [sys.executable, "-c", KILLED_AT, f"sqlite:///{path}"],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with killer:
        assert killer.stdin
        assert killer.stdout
        for number in range(1, 400):
            print(number, file=killer.stdin, flush=True)
            if (ended := int(killer.stdout.readline())) == 0:
                break
            assert ended == -signal.SIGKILL
            killed += 1
            assert left_in(path) in (set(), {"alembic_version"}), number
        killer.stdin.close()
    assert killed >= 8
    assert "users" in names(f"sqlite:///{path}")


def left_in(path: Path) -> set[str]:
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    found = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    connection.close()
    return found


def test_up_to_date_database_is_not_written(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    upgrade(url)
    before = (tmp_path / "x.db").stat().st_mtime_ns
    upgrade(url)
    assert (tmp_path / "x.db").stat().st_mtime_ns == before, "a read-only file must not keep the API from starting"


def test_a_database_that_is_not_in_utf8_is_refused_with_what_to_do(postgres_server: str) -> None:
    engine = create_engine(driver_url(postgres_server), isolation_level="AUTOCOMMIT")
    name = f"ascii_{os.getpid()}"
    try:
        with engine.connect() as server:
            server.execute(
                text(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
            )
        with pytest.raises(Misconfigured, match="SQL_ASCII") as refused:
            upgrade(f"{postgres_server.rpartition('/')[0]}/{name}")
        assert "createdb --encoding=UTF8" in str(refused.value.hint)
    finally:
        with engine.connect() as server:
            server.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        engine.dispose()
