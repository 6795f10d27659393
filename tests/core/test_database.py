"""Units of work: all or nothing, alone or in company, whatever happens to their callers."""

import asyncio
import threading
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.db import Database, driver_url, open_database
from cluster_ai.core.db_errors import DatabaseUnavailable, Duplicate
from cluster_ai.core.errors import Misconfigured, Unavailable

Story = Callable[[Database], Awaitable[None]]


def told(url: str, story: Story, **more: str) -> None:
    """Runs ``story`` on an open database with a table of its own."""

    async def tell() -> None:
        async with open_database(url, on_fatal=pytest.fail, **more) as database:
            async with database.transaction() as connection:
                await connection.execute(text("CREATE TABLE thing (id BIGINT PRIMARY KEY, word TEXT)"))
            try:
                await story(database)
            finally:
                async with database.transaction() as connection:
                    await connection.execute(text("DROP TABLE thing"))

    asyncio.run(tell())


async def put(database: Database, number: int, word: str = "x") -> None:
    async with database.transaction() as connection:
        await connection.execute(text("INSERT INTO thing VALUES (:id, :word)"), {"id": number, "word": word})


async def stored(database: Database) -> list[int]:
    async with database.read() as connection:
        return list((await connection.execute(text("SELECT id FROM thing ORDER BY id"))).scalars())


def test_acknowledged_units_are_stored_and_a_failing_one_undoes_itself_alone(url: str) -> None:
    async def story(database: Database) -> None:
        await put(database, 5)
        done = await asyncio.gather(*(put(database, number % 60) for number in range(120)), return_exceptions=True)
        kinds = [type(result) for result in done]
        assert kinds.count(type(None)) == 59
        assert kinds.count(Duplicate) == 61
        assert await stored(database) == list(range(60))

    told(url, story)


def test_error_in_the_block_undoes_the_unit_and_passes_through(url: str) -> None:
    async def story(database: Database) -> None:
        async def fails() -> None:
            async with database.transaction() as connection:
                await connection.execute(text("INSERT INTO thing VALUES (1, 'x')"))
                raise KeyError("mine")

        async with asyncio.TaskGroup() as group:
            other = group.create_task(put(database, 2))
            with pytest.raises(KeyError, match="mine"):
                await fails()
        assert other.done()
        assert await stored(database) == [2]

    told(url, story)


def test_an_error_tells_nothing_of_what_was_to_be_stored(url: str) -> None:
    async def story(database: Database) -> None:
        secret = "hunter2"
        await put(database, 1)
        with pytest.raises(Duplicate) as refused:
            await put(database, 1, secret)
        whole = "".join(traceback.format_exception(refused.value))
        assert "INSERT INTO thing" in whole
        assert secret not in whole

    told(url, story)


def test_caller_who_is_cancelled_while_its_turn_is_prepared_blocks_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(database: Database) -> None:
        leaving: list[asyncio.Task[None]] = []
        begin = AsyncConnection.begin_nested

        def begin_nested(connection: AsyncConnection) -> Any:
            # The savepoint takes a few steps: this one happens among them.
            asyncio.get_running_loop().call_soon(lambda: [task.cancel() for task in leaving])
            return begin(connection)

        monkeypatch.setattr(AsyncConnection, "begin_nested", begin_nested)
        leaving.append(asyncio.create_task(put(database, 1)))
        with pytest.raises(asyncio.CancelledError):
            await leaving[0]
        leaving.clear()
        await put(database, 2)
        assert await stored(database) == [2]

    told(f"sqlite:///{tmp_path}/test.db", story)


def test_caller_who_is_cancelled_leaves_nothing_behind_and_blocks_nobody(url: str) -> None:
    async def story(database: Database) -> None:
        entered = asyncio.Event()

        async def slow() -> None:
            async with database.transaction() as connection:
                await connection.execute(text("INSERT INTO thing VALUES (1, 'x')"))
                entered.set()
                await asyncio.sleep(60)

        task = asyncio.create_task(slow())
        await entered.wait()
        waiting = [asyncio.create_task(put(database, number)) for number in range(10, 20)]
        await asyncio.sleep(0)
        waiting[3].cancel()
        task.cancel()
        done = await asyncio.gather(task, *waiting, return_exceptions=True)
        assert isinstance(done[0], asyncio.CancelledError)
        left = await stored(database)
        assert 1 not in left
        assert set(left) >= {10, 11, 12, 14, 15, 16, 17, 18, 19}

    told(url, story)


def test_reader_sees_one_moment_while_others_write(url: str) -> None:
    async def story(database: Database) -> None:
        await put(database, 1)
        async with database.read() as connection:
            if database.dialect == "postgresql":
                await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
            before = (await connection.execute(text("SELECT count(*) FROM thing"))).scalar()
            await put(database, 2)
            assert (await connection.execute(text("SELECT count(*) FROM thing"))).scalar() == before == 1
        assert await stored(database) == [1, 2]

    told(url, story)


def test_large_numbers_and_any_text_survive(url: str) -> None:
    async def story(database: Database) -> None:
        words = ["", "é", "日本", "'; DROP TABLE thing; --", "\u202e", "🜲", "a" * 60_000]
        for number, word in enumerate(words):
            await put(database, 2**63 - 1 - number, word)
        async with database.read() as connection:
            found = (await connection.execute(text("SELECT word FROM thing ORDER BY id DESC"))).scalars().all()
        assert found == words

    told(url, story)


def test_probe_writes_one_row_only(url: str) -> None:
    async def story(database: Database) -> None:
        for now in (1.5, 2.5):
            await database.probe(now)
        async with database.read() as connection:
            rows = (await connection.execute(text("SELECT id, at FROM core_probe"))).all()
        assert [tuple(row) for row in rows] == [(1, 2.5)]

    told(url, story)


def test_dead_database_is_said_in_our_words() -> None:
    async def story() -> None:
        async with open_database("postgresql://x@127.0.0.1:9/none", on_fatal=pytest.fail) as database:
            with pytest.raises(DatabaseUnavailable, match="cannot be used"):
                await database.probe(1.0)

    asyncio.run(story())


@pytest.mark.parametrize("url", ["mysql://x/y", "not an address", "oracle://x"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(Misconfigured):
        driver_url(url)


# -- SQLite's own


@asynccontextmanager
async def sqlite(path: Path) -> AsyncIterator[Database]:
    async with open_database(f"sqlite:///{path}", on_fatal=pytest.fail) as database:
        yield database


def test_sqlite_is_set_for_durability(tmp_path: Path) -> None:
    async def story() -> None:
        async with sqlite(tmp_path / "x.db") as database, database.transaction() as connection:
            found = {
                name: (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
        assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}

    asyncio.run(story())


def test_units_that_come_together_share_commits(tmp_path: Path) -> None:
    async def story(database: Database) -> None:
        commits = 0

        def counted(_connection: object) -> None:
            nonlocal commits
            commits += 1

        from sqlalchemy import event

        event.listen(database._engine.sync_engine, "commit", counted)
        await asyncio.gather(*(put(database, number) for number in range(200)))
        assert await stored(database) == list(range(200))
        assert commits <= 20

    told(f"sqlite:///{tmp_path / 'x.db'}", story)


def test_a_statement_on_sqlite_is_one_word_to_its_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words: list[object] = []
    plain: Any = aiosqlite.Connection._execute

    def counted(self: aiosqlite.Connection, act: object, *more: object, **named: object) -> Any:
        words.append(act)
        return plain(self, act, *more, **named)

    monkeypatch.setattr(aiosqlite.Connection, "_execute", counted)

    async def story(database: Database) -> None:
        async with database.transaction() as connection:
            insert = text("INSERT INTO thing VALUES (:id, :word)")
            for statement, values in (
                (insert, [{"id": number, "word": "x"} for number in range(50)]),
                (text("UPDATE thing SET word = 'y' WHERE id < 9"), {}),
                (text("SELECT id, word FROM thing ORDER BY id"), {}),
                (text("DELETE FROM thing WHERE id > 3 RETURNING id"), {}),
            ):
                words.clear()
                done = await connection.execute(statement, values)
                assert len(words) == 1, str(statement)
                if not done.returns_rows:
                    assert done.rowcount == (50 if statement is insert else 9)
                    continue
                rows = done.all()
                assert rows[:1] == [(0, "y")] if "SELECT" in str(statement) else len(rows) == 46
            with pytest.raises(IntegrityError):
                await connection.execute(insert, {"id": 1, "word": "again"})
            assert (await connection.execute(text("SELECT count(*) FROM thing"))).scalar() == 4

    told(f"sqlite:///{tmp_path / 'words.db'}", story)


def test_nothing_can_be_written_through_a_reader(tmp_path: Path) -> None:
    async def story(database: Database) -> None:
        with pytest.raises(Unavailable, match="read-only"):
            async with database.read() as connection:
                await connection.execute(text("INSERT INTO thing VALUES (1, 'x')"))

    told(f"sqlite:///{tmp_path / 'x.db'}", story)


def test_closed_database_says_so_and_leaves_nobody_waiting(tmp_path: Path) -> None:
    async def story() -> None:
        async with sqlite(tmp_path / "x.db") as database:
            pass
        with pytest.raises(Unavailable, match="closing"):
            await database.probe(1.0)

    asyncio.run(story())


@pytest.mark.parametrize("times", [1, 2, 3])
def test_reader_who_is_cancelled_while_the_file_is_read_keeps_nobody(tmp_path: Path, times: int) -> None:
    """Neither the end of the database nor that of the loop waits for an answer that nobody gives any more."""
    long = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT max(i) FROM n"

    async def ask(database: Database) -> None:
        async with database.read() as connection:
            await connection.execute(text(long))

    async def story() -> None:
        others = set(threading.enumerate())
        async with sqlite(tmp_path / "a.db") as database:
            asked = asyncio.create_task(ask(database))
            await asyncio.sleep(0.1)
            for _ in range(times):
                asked.cancel()
                await asyncio.sleep(0.02)
            with pytest.raises(asyncio.CancelledError):
                await asked
        # A thread that tells a closed loop of its work would be an error of this test; there must be none left.
        new = set(threading.enumerate()) - others
        assert not [thread for thread in new if "_connection_worker" in thread.name]

    asyncio.run(asyncio.wait_for(story(), 20))
