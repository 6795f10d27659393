"""A head whose program is updated: the new version stays when it becomes ready, and goes back by itself when not."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cluster_ai.cli.watching import look, look_if_any, until
from tests.ops.installed import FEWER, NEW, OLD, Changes, Head, bundle, copied, installed
from tests.ports import free_base

pytestmark = pytest.mark.real
VERSION = ("cluster_ai/__init__.py", ('__version__ = "0.1.0"', '__version__ = "0.2.0"'))
PARTS = ("cluster_ai/parts.py", FEWER)
MIGRATION = "cluster_ai/core/migrations/versions/9999_novelty.py"
TABLE = """import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("novelty", sa.Column("id", sa.Integer, primary_key=True))
    op.execute("UPDATE users SET name = 'nobody'")
    {more}


def downgrade() -> None:
    op.drop_table("novelty")
"""


def migration(more: str = "") -> dict[str, str]:
    folder = Path(__file__).parents[2] / "cluster_ai/core/migrations/versions"
    before = max(path.name[:4] for path in folder.glob("[0-9]*.py"))
    return {MIGRATION: TABLE.format(before=before, more=more)}


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Head]:
    there = installed(tmp_path_factory.mktemp("head"), port_base=free_base())
    there.home.config.write_text("[supervisor]\ncrash_limit = 1\n[update]\nready_seconds = 100\n")
    yield there
    cli(there, "down")


def cli(head: Head, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith(("CLUSTER_AI_", "PYTHON"))}
    return subprocess.run(
        [head.command, "--lang", "en", *words],
        env=own | more,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def offered(head: Head, changes: Changes, more: dict[str, str]) -> str:
    """The new version as it would lie unfolded, and the file that names it."""
    shutil.rmtree(head.prefix / "versions" / NEW, ignore_errors=True)
    copied(head.prefix, NEW, dict((VERSION, *changes.items())), more)
    return str(bundle(head.home, head.home.root / "new.tar"))


def version_that_runs(head: Head) -> str:
    return look(head.home).version


def rows(head: Head, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(head.home.database)) as connection:
        return list(connection.execute(query))


@pytest.mark.slow
def test_one_that_crashes_at_its_start_goes_back(head: Head) -> None:
    entry = ("def main(", "raise RuntimeError('no such thing')\n\n\ndef main(")
    done = cli(head, "update", "apply", offered(head, {"cluster_ai/cli/main.py": entry}, {}))
    assert done.returncode == 11, done.stderr
    assert "no such thing" in done.stderr
    assert "code: update_rolled_back" in done.stderr
    assert (head.current(), head.outcome()["result"]) == (OLD, "rolled_back")
    # Nothing ran before, and nothing runs now.
    assert look_if_any(head.home) is None
    assert not head.home.updating.exists()


def test_one_that_never_gets_ready_goes_back(head: Head) -> None:
    never = ('return (*python, "backend.serve", "api")', 'return (*python[:2], "-c", "import time; time.sleep(600)")')
    parts = (Path(__file__).parents[2] / "cluster_ai/parts.py").read_text().replace(*FEWER).replace(*never)
    assert never[1] in parts
    file = offered(head, {}, {"cluster_ai/parts.py": parts})
    done = cli(head, "update", "apply", file, CLUSTER_AI_UPDATE__READY_SECONDS="4")
    assert done.returncode == 11, done.stderr
    assert "backend" in done.stderr
    assert (head.current(), head.outcome()["result"]) == (OLD, "rolled_back")
    assert look_if_any(head.home) is None


@pytest.mark.slow
def test_one_whose_migration_fails_goes_back(head: Head) -> None:
    done = cli(head, "update", "apply", offered(head, dict([PARTS]), migration('raise RuntimeError("no migration")')))
    assert done.returncode == 11, done.stderr
    assert "backend" in done.stderr
    assert head.current() == OLD


def test_tables_are_put_back_when_the_new_version_has_changed_them(head: Head) -> None:
    assert cli(head, "up", "-d", "--no-wait").returncode == 0
    until(head.home, lambda view: view.ready, seconds=90)
    before = rows(head, "SELECT id, name FROM users"), rows(head, "SELECT version_num FROM alembic_version")
    assert before[0]
    dies = ("        yield Plane(", "        raise SystemExit(3)\n        yield Plane(")
    file = offered(head, dict([PARTS, ("backend/plane.py", dies)]), migration())
    done = cli(head, "update", "apply", file)
    assert done.returncode == 11, done.stderr
    assert head.outcome()["database_restored"] is True, done.stderr
    assert version_that_runs(head) == "0.1.0"
    assert rows(head, "SELECT version_num FROM alembic_version") == before[1]
    assert rows(head, "SELECT id, name FROM users") == before[0]
    backup = head.home.backups / str(head.outcome()["backup"])
    assert backup.is_file()


def test_good_one_stays_and_can_be_taken_back_by_hand(head: Head) -> None:
    assert version_that_runs(head) == "0.1.0"
    assert cli(head, "update", "check", offered(head, dict([PARTS]), migration())).stdout.strip() == NEW
    done = cli(head, "update", "apply", str(head.home.root / "new.tar"))
    assert done.returncode == 0, done.stderr
    assert version_that_runs(head) == "0.2.0"
    assert (head.current(), rows(head, "SELECT version_num FROM alembic_version")) == (NEW, [("9999",)])
    assert not (head.home.updating.exists())
    assert not (head.home.before_update.exists())
    back = cli(head, "update", "rollback")
    assert back.returncode == 0, back.stderr
    assert version_that_runs(head) == "0.1.0"
    assert not rows(head, "SELECT name FROM sqlite_schema WHERE name = 'novelty'")
