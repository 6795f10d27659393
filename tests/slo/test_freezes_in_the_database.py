"""Freezes and deeds against each other in the database; plans of queries; tables as the code has them."""

import asyncio
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from cluster_ai.core.consent import Action, Deed, Frozen
from cluster_ai.core.errors import Conflict
from cluster_ai.slo import bucket_tables, schema, tables
from cluster_ai.slo.burn import Tally
from cluster_ai.slo.freezes import FreezeOver, TwoPersons
from cluster_ai.slo.service import Service
from cluster_ai.slo.tables import Page
from cluster_ai.slo.types import DAY, HOUR, MINUTE, NewOverride
from cluster_ai.slo.windows import floor
from tests.core.test_migrations import sync
from tests.slo.conftest import PULL, START, House, objective, policy


def test_tables_in_the_code_are_those_in_the_database(url: str) -> None:
    engine = sync(url)
    with engine.connect() as connection:
        known = set(schema.metadata.tables)

        def ours(name: str | None, kind: str, _parents: object) -> bool:
            return kind != "table" or name in known

        context = MigrationContext.configure(connection, opts={"include_name": ours, "compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
    engine.dispose()


async def burnt(house: House, service: Service, **more: object) -> str:
    """A freeze that holds; its id."""
    await service.desk.objectives.create(objective())
    await service.desk.policies.create(policy(**more))
    await service.evaluate()
    await service.count()
    await house.minute(bad=9)
    [freeze] = await service.freezes.active()
    return freeze.event_id


def test_a_deed_that_has_begun_is_waited_for_by_the_freeze(house: House) -> None:
    """Who asked before it began may finish; who asks after it is refused. Nobody slips through between."""

    async def story(service: Service) -> None:
        await service.desk.objectives.create(objective())
        await service.desk.policies.create(policy())
        await service.evaluate()
        await service.count()
        house.called(bad=9)
        await house.counted()
        house.now += 60
        order: list[str] = []
        asked, go_on = asyncio.Event(), asyncio.Event()

        async def deed() -> None:
            async with house.database.transaction() as connection:
                await service.freezes.consent(connection, PULL)
                asked.set()
                await go_on.wait()
                order.append("deed")

        async def freeze() -> None:
            await asked.wait()
            evaluating = asyncio.create_task(service.evaluate())
            await asyncio.sleep(0.3)
            assert not evaluating.done(), "it waits for the deed"
            go_on.set()
            await evaluating
            order.append("freeze")

        await asyncio.gather(deed(), freeze())
        assert order == ["deed", "freeze"]
        assert await house.refused(PULL)

    house.tell(story)


def test_two_evaluations_make_one_freeze(house: House) -> None:
    async def story(service: Service) -> None:
        await service.desk.objectives.create(objective())
        await service.desk.policies.create(policy())
        await service.evaluate()
        await service.count()
        house.called(bad=9)
        await house.counted()
        house.now += 60
        other = Service(service.given)
        await asyncio.gather(service.evaluate(), other.evaluate())
        assert len(await service.freezes.active()) == 1

    house.tell(story)
    assert house.types().count("slo.freeze.activated") == 1


def test_a_freeze_survives_a_restart(house: House) -> None:
    async def first(service: Service) -> None:
        await burnt(house, service)

    async def second(_service: Service) -> None:
        assert await house.refused(PULL)

    house.tell(first)
    house.tell(second)


def test_one_that_was_ended_by_hand_comes_back_after_its_least_duration(house: House) -> None:
    async def story(service: Service) -> None:
        freeze = await burnt(house, service)
        ended = await service.freezes.resolve(freeze, "we know", by="ada")
        assert (ended.active, ended.resolution, ended.resolved_by) == (False, "manual", "ada")
        assert await house.refused(PULL) is None
        with pytest.raises(FreezeOver):
            await service.freezes.resolve(freeze, "again", by="ada")
        house.now += 599
        await service.evaluate()
        assert await house.refused(PULL) is None
        house.now += 2
        await service.evaluate()
        assert await house.refused(PULL)
        found = await service.freezes.history(Page(10))
        assert [one.active for one in found] == [True, False]
        assert [one.active for one in await service.freezes.history(Page(1, found[0].event_id))] == [False]

    house.tell(story)


def test_a_freeze_of_the_whole_cluster_takes_two(house: House) -> None:
    async def story(service: Service) -> None:
        freeze = await burnt(house, service, scope="GLOBAL", target="", actions=["BLOCK_SCALE"])
        drain = Deed(Action.SCALE, "m1", {"node": "m1"})
        with pytest.raises(TwoPersons):
            await service.freezes.resolve(freeze, "alone", by="ada")
        asked = await service.freezes.override(freeze, NewOverride(reason="a disk is dying"), by="ada")
        override = asked.overrides[0].override_id
        assert await house.refused(drain)
        with pytest.raises(TwoPersons):
            await service.freezes.approve(freeze, override, by="ada")
        await service.freezes.approve(freeze, override, by="bob")
        assert await house.refused(drain) is None
        with pytest.raises(Conflict):
            await service.freezes.approve(freeze, override, by="eve")
        house.now += 3600
        assert await house.refused(drain)

    house.tell(story)


def test_freezes_end_with_what_made_them(house: House) -> None:
    async def story(service: Service) -> None:
        await burnt(house, service)
        await service.desk.policies.remove("no-pulls")
        await service.evaluate()
        assert await house.refused(PULL) is None
        await service.desk.policies.create(policy())
        await service.evaluate()
        assert await house.refused(PULL)
        await service.desk.objectives.remove("chat")
        await service.evaluate()
        assert await house.refused(PULL) is None
        found = await service.freezes.history(Page(10))
        assert [one.resolution for one in found] == ["objective", "policy"]

    house.tell(story)


def test_a_deed_without_a_unit_of_work_is_refused_the_same(house: House) -> None:
    async def story(service: Service) -> None:
        await burnt(house, service)
        with pytest.raises(Frozen):
            await service.freezes.agreed(PULL)

    house.tell(story)


# -- queries


async def filled(house: House, service: Service, count: int) -> None:
    """So many objectives with four days of minutes and a month of hours."""
    for number in range(count):
        await service.desk.objectives.create(objective(f"s{number}", window_days=30))
    now = floor(START, HOUR)
    async with house.database.transaction() as connection:
        for number in range(count):
            rows = {(f"s{number}", now - minute * MINUTE): Tally(9, 10) for minute in range(1, 200)}
            await bucket_tables.add(connection, rows)


def test_no_query_reads_a_whole_table(house: House) -> None:
    """What the loops and the consent ask, explained by the database itself."""
    seen: list[str] = []

    async def story(service: Service) -> None:
        await filled(house, service, 3)
        queries = await _queries(house, service)
        async with house.database.read() as connection:
            for query in queries:
                seen.extend(await _plan(connection, query))

    house.tell(story)
    whole = [line for line in seen if _is_whole(line)]
    assert seen
    assert not whole, whole


BIG = ("sli_buckets", "error_budgets", "freeze_events", "alert_receipts", "gateway_requests", "events")


def _is_whole(line: str) -> bool:
    named = any(f" {table}" in line for table in BIG)
    return named and (line.startswith("SCAN ") or "Seq Scan on " in line)


async def _queries(house: House, service: Service) -> list[str]:
    """The statements of an evaluation and of a consent, with their values."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    said: list[str] = []

    def heard(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "UPDATE", "DELETE")) and "pg_advisory" not in statement:
            said.append(_filled(statement, parameters))

    event.listen(Engine, "before_cursor_execute", heard)
    try:
        await service.evaluate()
        await service.count()
        await house.refused(PULL)
        await service.budgets.history("s1", before=START, limit=10)
        await service.freezes.history(Page(10))
    finally:
        event.remove(Engine, "before_cursor_execute", heard)
    return said


def _filled(statement: str, parameters: Any) -> str:
    if isinstance(parameters, dict):
        values = {name: _literal(value) for name, value in parameters.items()}
        import re

        return re.sub(r"%\((\w+)\)s(::(?:DOUBLE PRECISION|\w+))?", lambda found: values[found[1]], statement)
    for value in parameters or ():
        statement = statement.replace("?", _literal(value), 1)
    return statement


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else "'" + str(value).replace("'", "''") + "'"


async def _plan(connection: Any, query: str) -> list[str]:
    if connection.dialect.name == "sqlite":
        rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}")
        return [f"{row[3]} | {query[:60]}" for row in rows]
    # With few rows a whole table is read because it is cheapest: forbidden here, it shows whether there is another way.
    await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    rows = await connection.exec_driver_sql(f"EXPLAIN {query}".replace("%", "%%"))
    return [str(row[0]) for row in rows]


def test_the_hours_tell_what_their_minutes_tell(house: House) -> None:
    async def story(service: Service) -> None:
        await service.desk.objectives.create(objective("s", window_days=30))
        view = await service.desk.objectives.get("s")
        house.now = START + 30 * HOUR + 17 * MINUTE
        minutes = {
            ("s", floor(house.now, MINUTE) - number * MINUTE): Tally(number % 7, 7) for number in range(3 * 24 * 60)
        }
        async with house.database.transaction() as connection:
            await bucket_tables.add(connection, minutes)
            await bucket_tables.sum_hours(connection, {"s": view.objective}, minutes)
        for seconds in (HOUR, 6 * HOUR, DAY, 2 * DAY):
            burn = await service.budgets.burn("s", seconds=seconds)
            since = floor(house.now, MINUTE) - seconds
            expected = sum((tally for (_, at), tally in minutes.items() if at >= since), start=Tally())
            assert (burn.good, burn.valid) == (expected.good, expected.valid), seconds
        before = (await service.budgets.recalculated("s")).burn_rates
        assert before == (await service.budgets.budget("s")).burn_rates
        assert await tables_hold(house)

    house.tell(story)


async def tables_hold(house: House) -> bool:
    async with house.database.read() as connection:
        return await tables.active(connection) == ()
