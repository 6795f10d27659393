"""A full disk and one that turned read-only are told apart, nothing is acknowledged falsely, and reading goes on."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import text

from cluster_ai.core.db import DatabaseFull, DatabaseReadOnly
from cluster_ai.core.migrate import upgrade
from cluster_ai.executors.contract import Result
from tests.disks import immutable, real_disk
from tests.plans.conftest import Room, opened_room


def test_a_full_disk_takes_nothing_and_goes_on_when_there_is_space(sqlite_url: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with opened_room(sqlite_url, tmp_path) as room:
            accepted = await room.submit({"id": "a"})
            fence = await room.begin(accepted.ticket_ids["a"])
            await _limit(room, more=8)
            with pytest.raises(DatabaseFull):
                await room.submit(*({"id": f"t{number}", "description": "x" * 500} for number in range(400)))
            assert len((await room.opened.reader.plans()).items) == 1, "reading goes on, and nothing is there by half"
            with pytest.raises(DatabaseFull):
                await room.opened.reports.complete(fence, Result(ok=True, value="y" * 60_000))
            assert (await room.states(accepted))["a"] == "running"
            await _limit(room, more=10**6)
            await room.opened.reports.complete(fence, Result(ok=True, value="y" * 60_000))
            assert await room.plan(accepted) == "succeeded"
            assert await room.opened.reader.verify(accepted.plan.plan_id) == 1

    asyncio.run(story())


async def _limit(room: Room, *, more: int) -> None:
    """The database may grow by so many pages, as on a disk with so much space."""
    async with room.database.transaction() as connection:
        pages = int(str((await connection.execute(text("PRAGMA page_count"))).scalar_one()))
        await connection.execute(text(f"PRAGMA max_page_count = {pages + more}"))


@pytest.mark.real
def test_a_database_that_turned_read_only_is_no_full_one(tmp_path: Path) -> None:
    async def story(disk: Path) -> None:
        async with opened_room(f"sqlite:///{disk / 'x.db'}", tmp_path) as room:
            accepted = await room.submit({"id": "a"})
            with immutable(*disk.glob("x.db*")):
                with pytest.raises(DatabaseReadOnly):
                    await room.opened.queue.lease(accepted.ticket_ids["a"], "w", room.now, 30)
                with pytest.raises(DatabaseReadOnly):
                    await room.submit({"id": "b"})
            assert await room.drain() == ["a"]

    with real_disk(tmp_path / "disk") as disk:
        upgrade(f"sqlite:///{disk / 'x.db'}")
        asyncio.run(story(disk))


def test_postgresql_tells_them_apart_too(postgres_tables_url: str, tmp_path: Path) -> None:
    async def story() -> None:
        async with opened_room(postgres_tables_url, tmp_path) as room:
            accepted = await room.submit({"id": "a"})
            async with room.database.transaction() as connection:
                name = (await connection.execute(text("SELECT current_database()"))).scalar_one()
                await connection.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'))
        async with opened_room(postgres_tables_url, tmp_path) as room:
            with pytest.raises(DatabaseReadOnly):
                await room.submit({"id": "b"})
            assert await room.states(accepted) == {"a": "ready"}

    asyncio.run(story())
