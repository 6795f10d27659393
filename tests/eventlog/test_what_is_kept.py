"""What happened is written down beside the work of whoever tells it, found again, and not kept for ever."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text

from cluster_ai.core.db import Database, open_database
from cluster_ai.eventlog import service, tables
from cluster_ai.eventlog.service import EventLog
from cluster_ai.eventlog.types import ClusterEvent, EventFilter
from tests.core.query_plans import scans
from tests.core.tables_alike import differences

NOON = 1_800_000_000.0
Story = Callable[[EventLog, Database], Awaitable[None]]


def happened(number: int, **more: object) -> ClusterEvent:
    values = {"at": NOON + number, "kind": "node.state", "subject": f"n{number}", "after": "down"} | more
    return ClusterEvent.model_validate(values)


@pytest.fixture
def clock() -> list[float]:
    return [NOON]


@pytest.fixture
def tell(url: str, clock: list[float]) -> Callable[[Story], None]:
    async def told(story: Story) -> None:
        async with open_database(url, on_fatal=pytest.fail) as database:
            await story(EventLog(database, now=lambda: clock[0]), database)

    return lambda story: asyncio.run(told(story))


def test_tables_in_the_code_are_those_in_the_database(url: str) -> None:
    assert differences(url, tables.metadata) == []


def test_newest_come_first_and_a_page_leads_to_the_next(tell: Callable[[Story], None]) -> None:
    async def story(log: EventLog, _database: Database) -> None:
        log.keep(happened(number) for number in range(250))
        await log.store()
        seen = await log.page(limit=100)
        assert [one.subject for one in seen] == [f"n{number}" for number in range(249, 149, -1)]
        rest = await log.page(before=seen[-1].number, limit=500)
        assert [one.subject for one in rest] == [f"n{number}" for number in range(149, -1, -1)]
        assert rest[0].model_dump(exclude={"number"}) == happened(149).model_dump()

    tell(story)


def test_kind_subject_and_time_narrow_it(tell: Callable[[Story], None]) -> None:
    async def story(log: EventLog, _database: Database) -> None:
        log.keep([happened(1), happened(2, kind="problem", subject="100%_full"), happened(3, subject="Attic-7")])
        await log.store()

        async def found(**wanted: object) -> list[str]:
            return [one.subject for one in await log.page(EventFilter.model_validate(wanted))]

        assert await found(kind="problem") == ["100%_full"]
        assert await found(subject="attic") == ["Attic-7"]
        assert await found(subject="0%_f") == ["100%_full"]
        assert await found(subject="%") == ["100%_full"], "a sign of the database's own is a letter"
        assert await found(since=NOON + 2) == ["Attic-7", "100%_full"]
        assert await found(until=NOON + 2) == ["n1"]
        assert await found(kind="node.state", since=NOON + 2, until=NOON + 3) == []

    tell(story)


def test_words_of_any_length_are_kept_as_far_as_there_is_room(tell: Callable[[Story], None]) -> None:
    async def story(log: EventLog, _database: Database) -> None:
        log.keep([happened(1, subject="é" * 900, after="x" * 9000)])
        await log.store()
        (one,) = await log.page()
        assert (one.subject, one.after) == ("é" * 200, "x" * 500)

    tell(story)


def test_a_letter_that_a_database_cannot_hold_costs_no_event(tell: Callable[[Story], None]) -> None:
    async def story(log: EventLog, _database: Database) -> None:
        log.keep([happened(1, subject="a\0b"), happened(2)])
        await log.store()
        assert [one.subject for one in await log.page()] == ["n2", "a\N{REPLACEMENT CHARACTER}b"]

    tell(story)


def test_what_comes_while_the_database_is_away_waits(sqlite_url: str, clock: list[float]) -> None:
    async def story() -> None:
        async with open_database(sqlite_url, on_fatal=pytest.fail) as database:
            log = EventLog(database, now=lambda: clock[0])
            async with database.transaction() as connection:
                await connection.execute(text("ALTER TABLE happenings RENAME TO elsewhere"))
            log.keep([happened(1)])
            await log.store()
            log.keep([happened(2)])
            async with database.transaction() as connection:
                await connection.execute(text("ALTER TABLE elsewhere RENAME TO happenings"))
            await log.store()
            await log.store()
            assert [one.subject for one in await log.page()] == ["n2", "n1"]

    asyncio.run(story())


def test_what_is_old_goes_and_so_does_what_is_too_much(
    tell: Callable[[Story], None], clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "KEEP_ROWS", 5)

    async def story(log: EventLog, _database: Database) -> None:
        log.keep([happened(number) for number in range(8)])
        await log.store()
        assert len(await log.page()) == 8, "it is looked through now and then only"
        clock[0] += service.PRUNE_SECONDS
        await log.store()
        assert [one.subject for one in await log.page()] == ["n7", "n6", "n5", "n4", "n3"]
        clock[0] = NOON + 5 + service.KEEP_SECONDS
        await log.store()
        assert [one.subject for one in await log.page()] == ["n7", "n6", "n5"]

    tell(story)


def test_what_was_told_last_is_written_at_the_end(tell: Callable[[Story], None]) -> None:
    async def story(log: EventLog, _database: Database) -> None:
        async with log.running():
            log.keep([happened(1)])
        assert len(await log.page()) == 1

    tell(story)


@pytest.mark.parametrize("wanted", [{}, {"kind": "problem"}])
def test_a_page_is_found_by_an_index(url: str, wanted: dict[str, str]) -> None:
    query = tables.page_query(EventFilter.model_validate(wanted), before=1000, limit=100)

    async def story() -> None:
        async with open_database(url, on_fatal=pytest.fail) as database, database.read() as connection:
            assert await scans(connection, query) == []

    asyncio.run(story())
