"""A disk that is full, read-only or failing: nothing is promised that was not stored, and it is said what is wrong."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from cluster_ai.core.db import Database, open_database
from cluster_ai.core.db_errors import DatabaseFull, DatabaseReadOnly, DatabaseUnavailable
from cluster_ai.core.migrate import upgrade
from tests.chaos.power_cut.harness import WRITER
from tests.disks import immutable, real_disk, run, small_room

pytestmark = [pytest.mark.real]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with small_room(tmp_path / "disk") as folder:
        yield folder


async def put(database: Database, number: int) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("INSERT INTO thing VALUES (:id, :word)"), {"id": number, "word": "x" * 4000})


async def stored(database: Database) -> set[int]:
    async with database.read() as connection:
        return set((await connection.execute(text("SELECT id FROM thing"))).scalars())


def test_full_disk_refuses_reads_on_and_goes_on_by_itself(small_disk: Path) -> None:
    async def story() -> None:
        path = small_disk / "x.db"
        upgrade(f"sqlite:///{path}")
        async with open_database(f"sqlite:///{path}", on_fatal=pytest.fail) as database:
            async with database.transaction() as connection:
                await connection.execute(text("CREATE TABLE thing (id INTEGER PRIMARY KEY, word TEXT)"))
            ballast = small_disk / "ballast"
            ballast.write_bytes(b"x" * 1_000_000)
            promised: set[int] = set()
            refused = 0
            for start in range(0, 2000, 20):
                done = await asyncio.gather(
                    *(put(database, number) for number in range(start, start + 20)), return_exceptions=True
                )
                promised |= {start + index for index, result in enumerate(done) if result is None}
                errors = [result for result in done if result is not None]
                assert all(isinstance(error, DatabaseUnavailable) for error in errors), errors
                refused += len(errors)
                if any(isinstance(error, DatabaseFull) for error in errors):
                    break
            assert refused
            assert promised
            assert await stored(database) >= promised, "reading goes on, and what was promised is there"
            ballast.unlink()
            await put(database, 9_999)
            found = await stored(database)
            assert found >= promised | {9_999}
            async with database.read() as connection:
                assert (await connection.execute(text("PRAGMA integrity_check"))).scalar() == "ok"

    asyncio.run(story())


def test_disk_that_turns_read_only_is_named(tmp_path: Path) -> None:
    async def story(path: Path) -> None:
        url = f"sqlite:///{path}"
        upgrade(url)
        async with open_database(url, on_fatal=pytest.fail) as database:
            await database.probe(1.0)
            with immutable(*path.parent.glob("x.db*")):
                with pytest.raises(DatabaseUnavailable) as refused:
                    await database.probe(2.0)
                assert "writ" in refused.value.message
                assert refused.value.hint
            await database.probe(3.0)
        await opened_while_read_only(url, path)

    async def opened_while_read_only(url: str, path: Path) -> None:
        # A process that ends like a killed one leaves a -wal and a -shm behind.
        left = "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('UPDATE core_probe SET at = 7.0')"
        subprocess.run([sys.executable, "-c", f"{left}; c.commit(); os._exit(0)", str(path)], check=True)
        files = [str(file) for file in path.parent.glob("x.db*")]
        run("chattr", "+i", *files)
        try:
            upgrade(url)
            async with open_database(url, on_fatal=pytest.fail) as database:
                async with database.read() as reading:
                    assert (await reading.execute(text("SELECT at FROM core_probe"))).scalar() == 7.0
                with pytest.raises(DatabaseReadOnly):
                    await database.probe(8.0)
                run("chattr", "-i", *files)
                with contextlib.suppress(DatabaseReadOnly):
                    await database.probe(9.0)  # finds its connection stale and opens another
                await database.probe(10.0)
        finally:
            run("chattr", "-i", *(str(file) for file in path.parent.glob("x.db*")))

    with real_disk(tmp_path / "disk") as disk:
        asyncio.run(story(disk / "x.db"))


def test_failing_fsync_ends_the_process_and_loses_nothing_promised(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    words = [
        "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync,fsync",
        "-e", "inject=fdatasync:error=EIO:when=20+", sys.executable, str(WRITER), str(path), "FULL", "4",
    ]  # fmt: skip
    root = Path(__file__).parents[2]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, env={"PYTHONPATH": str(root)})
    promised = {int(line) for line in done.stdout.splitlines()}
    assert done.returncode == 1, done.stderr[-500:]
    assert promised

    async def check() -> None:
        async with open_database(f"sqlite:///{path}", on_fatal=pytest.fail) as database:
            async with database.read() as connection:
                found = set((await connection.execute(text("SELECT id FROM row"))).scalars())
                assert (await connection.execute(text("PRAGMA integrity_check"))).scalar() == "ok"
            assert found >= promised

    asyncio.run(check())
