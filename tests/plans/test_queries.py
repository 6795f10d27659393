"""The tables in the code are those in the database, and no question reads one of them whole."""

import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, select, text

from cluster_ai.core.db import driver_url
from cluster_ai.core.migrate import downgrade, upgrade
from cluster_ai.plans.tables import plans, rows, schema, tickets
from tests.core.query_plans import scans
from tests.plans.conftest import Room, Tell, opened_room


@pytest.mark.filterwarnings("ignore:autogenerate skipping:UserWarning")
def test_the_tables_in_the_code_are_those_in_the_database(url: str) -> None:
    engine = create_engine(driver_url(url) if "postgresql" in url else url)
    known = set(schema.metadata.tables)

    def ours(name: str | None, kind: str, _parents: object) -> bool:
        # SQLite tells of the columns of an index, but not which of them goes down.
        return name in known if kind == "table" else name not in {"tickets_queued_by_score", "tickets_queued_by_owner"}

    def looked_at(_thing: object, name: str | None, kind: str, *_more: object) -> bool:
        return ours(name, kind, None)

    options = {"include_name": ours, "include_object": looked_at, "compare_type": True}
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), schema.metadata) == []
    engine.dispose()


def test_they_go_and_come_back_with_rows_in_them(url: str, tmp_path: Path) -> None:
    async def fill() -> None:
        async with opened_room(url, tmp_path) as room:
            await room.submit({"id": "a"}, {"id": "b", "depends_on": ["a"]})
            await room.drain()

    asyncio.run(fill())
    downgrade(url, to="0006")
    upgrade(url)
    asyncio.run(fill())


def test_no_question_reads_a_table_whole(tell: Tell) -> None:
    count, whole = tickets.met_statements(["t"])
    one = schema.tickets.c
    asked = {
        "plans of an owner": plans.page_query(owner="ana", status=None, before="z", limit=9),
        "plans in a state": plans.page_query(owner=None, status="running", before=None, limit=9),
        "all plans": plans.page_query(owner=None, status=None, before="z", limit=9),
        "late plans": plans.overdue_query(5.0, 9),
        "old plans": plans.old_query(5.0, 9),
        "plans that ended": plans.ended_query(5.0, 9),
        "plans that go on": plans.active_query(["running", "submitted"]),
        "a key": select(schema.plans).where(schema.plans.c.owner == "a", schema.plans.c.idempotency_key == "k"),
        "the best": tickets.by_score_query(9),
        "the oldest": tickets.by_age_query(9),
        "due": tickets.due_query(5.0, 9),
        "leases": tickets.leases_query(),
        "waits": tickets.waits_query(),
        "count for those that depend on it": count,
        "those that became ready": whole,
        "of a plan": tickets.page_query({"plan_id": "p", "status": "ready"}, after=3, limit=9),
        "of an owner": tickets.page_query({"owner": "ana"}, after="z", limit=9),
        "in a state": tickets.page_query({"status": "ready"}, after=None, limit=9),
        "of a kind": tickets.page_query({"task_type": "TEST"}, after=None, limit=9),
        "of an intent": tickets.page_query({"intent_id": "i"}, after=None, limit=9),
        "of a priority": tickets.page_query({"priority": "HIGH"}, after="z", limit=9),
        "with a text": tickets.page_query({"text": "x", "owner": "ana"}, after="z", limit=9),
        "with a text, everybody's": tickets.page_query({"text": "x"}, after=None, limit=9),
        "names of plans": plans.names_query(["p", "q"]),
        "all by state": tickets.counts_query({}),
        "of an owner by state": tickets.counts_query({"owner": "ana"}),
        "of a plan by state": tickets.counts_query({"plan_id": "p"}),
        "of a kind by state": tickets.counts_query({"task_type": "TEST"}),
        "the last level": tickets.deepest_query("p"),
        "a change": schema.tickets.update().where(one.ticket_id == "t").values(progress=1.0),
        "a history": select(schema.entries).where(schema.entries.c.ticket_id == "t").order_by(schema.entries.c.seq),
        "attempts": select(schema.attempts).where(schema.attempts.c.ticket_id == "t").order_by(schema.attempts.c.n),
    }
    assert rows.AT_ONCE > 1

    async def story(room: Room) -> None:
        await room.submit(*({"id": f"t{number}"} for number in range(300)))
        async with room.database.transaction() as connection:
            await connection.execute(text("ANALYZE"))
            found = {name: lines for name, query in asked.items() if (lines := await scans(connection, query))}
            assert found == {}

    tell(story)


def test_all_tickets_are_counted_without_their_rows(tell: Tell) -> None:
    async def story(room: Room) -> None:
        await room.submit(*({"id": f"t{number}"} for number in range(300)))
        async with room.database.transaction() as connection:
            is_sqlite = connection.dialect.name == "sqlite"
            query = tickets.counts_query({}).compile(dialect=connection.dialect)
            lines = await connection.exec_driver_sql(("EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN ") + str(query))
            plan = " ".join(str(row[-1]) for row in lines)
        # PostgreSQL reads so small a table whole by right; that it need not is what the test before says.
        assert "COVERING INDEX tickets_by_status" in plan or not is_sqlite, plan

    tell(story)
