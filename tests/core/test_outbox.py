"""Events leave with the unit of work that made them, in order, at least once, and are found without a scan."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, select

from cluster_ai.core import outbox
from cluster_ai.core.db import Database, driver_url, open_database
from cluster_ai.core.events import Event
from cluster_ai.core.ids import new_id
from tests.core.query_plans import scans

Story = Callable[[Database], Awaitable[None]]


def told(url: str, story: Story) -> None:
    async def tell() -> None:
        async with open_database(url, on_fatal=pytest.fail) as database:
            await story(database)

    asyncio.run(tell())


def happened(number: int) -> Event:
    return Event(new_id(), "ticket.ready", f"ticket {number}", {"number": number, "word": "ação"}, at=float(number))


def test_what_a_unit_said_is_stored_with_it_and_told_after_the_commit(url: str) -> None:
    async def story(database: Database) -> None:
        heard: list[Event] = []
        first, second = happened(1), happened(2)
        async with outbox.unit(database, heard.append) as work:
            work.say(first)
            work.say(second)
            assert heard == []
        assert heard == [first, second]
        async with database.read() as connection:
            assert await outbox.unpublished(connection, 10) == (first, second)
        assert first.topic == "ticket"

    told(url, story)


def test_what_was_undone_was_never_said(url: str) -> None:
    async def story(database: Database) -> None:
        heard: list[Event] = []

        async def fails() -> None:
            async with outbox.unit(database, heard.append) as work:
                work.say(happened(1))
                raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await fails()
        assert heard == []
        async with database.read() as connection:
            assert await outbox.unpublished(connection, 10) == ()

    told(url, story)


def test_events_of_one_millisecond_keep_their_order_and_are_marked_once(url: str) -> None:
    async def story(database: Database) -> None:
        many = [happened(number) for number in range(1200)]
        async with database.transaction() as connection:
            await outbox.add_all(connection, many)
        async with database.transaction() as connection:
            waiting = await outbox.unpublished(connection, 700)
            assert [event.subject for event in waiting] == [event.subject for event in many[:700]]
            await outbox.mark(connection, [event.id for event in waiting], 5000.0)
            assert await outbox.count_unpublished(connection, 100) == 100
            assert await outbox.count_unpublished(connection, 9000) == 500
        async with database.transaction() as connection:
            assert await outbox.forget(connection, 5000.0, 1000) == 0
            assert await outbox.forget(connection, 5001.0, 600) == 600
            assert await outbox.forget(connection, 5001.0, 600) == 100
            assert await outbox.unpublished(connection, 1) == (many[700],)

    told(url, story)


def test_no_question_reads_the_whole_table(url: str) -> None:
    async def story(database: Database) -> None:
        rows = outbox.events.c
        async with database.transaction() as connection:
            for query in (
                select(outbox.events).where(rows.published_at.is_(None)).order_by(rows.number).limit(9),
                outbox.events.update().where(rows.id.in_(["a", "b"])).values(published_at=1.0),
                select(rows.number).where(rows.published_at < 5.0).order_by(rows.published_at).limit(9),
            ):
                assert await scans(connection, query) == []

    told(url, story)


def test_the_table_in_the_code_is_that_in_the_database(url: str) -> None:
    engine = create_engine(driver_url(url) if "postgresql" in url else url)
    known = set(outbox.metadata.tables)
    options = {"include_name": lambda name, kind, _: kind != "table" or name in known, "compare_type": True}
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), outbox.metadata) == []
    engine.dispose()
