"""A data directory with something in every part that a backup holds."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from cluster_ai.accounts.audit import Deed, chained
from cluster_ai.core.paths import Home
from cluster_ai.ops.sealed import Key
from cluster_ai.ops.shelf import Shelf

NOW = 1_800_000_000.0


def furnished(root: Path, template: Path, *, word: str) -> Home:
    """``word`` stands in each of its parts."""
    home = Home(root)
    home.make()
    home.database.write_bytes(template.read_bytes())
    add_entries(home.database, [word] * 5)
    (home.root / "config.toml").write_text(f'name = "{word}"\n')
    (home.secrets / "some.secret").write_text(word)
    (home.tls / "pair").mkdir(parents=True)
    (home.tls / "pair" / "cert.pem").write_text(word)
    (home.tls / "current").symlink_to("pair")
    (home.data / "plans").mkdir()
    (home.data / "plans" / "work").write_text(word)
    home.objectives.mkdir()
    (home.objectives / "mine.yaml").write_text(word)
    return home


def add_entries(database: Path, words: list[str]) -> None:
    """Audit entries in their chain, each in a transaction of its own."""
    with closing(sqlite3.connect(database, timeout=30, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        for word in words:
            connection.execute("BEGIN IMMEDIATE")
            last = connection.execute("SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1").fetchone()
            number, previous = last or (0, "")
            made = chained(Deed(actor="a", action=word), number=number + 1, previous=previous, now=NOW)
            row = made.model_dump()
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO audit ({', '.join(row)}) VALUES ({marks})", list(row.values()))
            connection.execute("COMMIT")


def words_in(home: Home) -> set[str]:
    """Every word that stands in any part; two of them mean a mixture."""
    with closing(sqlite3.connect(home.database)) as connection:
        found = {row[0] for row in connection.execute("SELECT DISTINCT action FROM audit")}
    found.add((home.root / "config.toml").read_text().split('"')[1])
    for file in ("secrets/some.secret", "secrets/tls/current/cert.pem", "data/plans/work", "slo/mine.yaml"):
        found.add((home.root / file).read_text())
    return found


def key_of(home: Home) -> Key:
    return Key.made(home.backup_key)[0]


def shelf_of(home: Home) -> Shelf:
    return Shelf(home.backups)


CHANGES = frozenset({"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "sqlite3.connect"})


def killed_at(step: int, work: Callable[[], object]) -> bool:
    """Whether a copy of this process that does ``work`` was killed at that call to the file system; False: it ended."""
    child = os.fork()
    if child == 0:
        import sys

        left = step

        def count(event: str, _arguments: object) -> None:
            nonlocal left
            if event in CHANGES:
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), 9)

        sys.addaudithook(count)
        try:
            work()
        finally:
            os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status):
        assert os.WEXITSTATUS(status) == 0
        return False
    return True


def raises(code: str, work: Callable[[], object]) -> None:
    from cluster_ai.core.errors import ClusterError

    with pytest.raises(ClusterError) as caught:
        work()
    assert caught.value.code == code, caught.value
