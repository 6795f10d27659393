"""Databases for tests, of each kind that the product runs on: each test has its own, a copy of one that was made once.

Migrations have tests of their own; that every other test ran them all, forth on SQLite and back again on PostgreSQL,
took longer than most of those tests.
"""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest

from cluster_ai.core.migrate import upgrade
from tests.core.postgres import running_postgres

KINDS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.real)]
_numbers = count(1)


@contextmanager
def _postgres_copy(server: str, template: str) -> Iterator[str]:
    """A database of the server's that equals ``template``, gone at the end with whoever is still connected to it."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield f"{server.rpartition('/')[0]}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a server, and of a database in it that stays empty."""
    with running_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its tables, in one file."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    upgrade(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """The name of a database with its tables, which nobody is connected to."""
    with _postgres_copy(postgres_server, "template1") as url:
        upgrade(url)
        yield url.rpartition("/")[2]


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty database of PostgreSQL's."""
    with _postgres_copy(postgres_server, "template1") as url:
        yield url


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def postgres_tables_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """A database of PostgreSQL's with its tables."""
    with _postgres_copy(postgres_server, postgres_template) as url:
        yield url


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A file of SQLite's with its tables."""
    path = tmp_path / "test.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest) -> str:
    """A database with its tables, of each kind."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_tables_url"))
