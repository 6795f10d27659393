"""What a dispatcher asks every second reads no whole table, and every owner is looked at."""

from cluster_ai.executors.contract import Result
from cluster_ai.plans.tables import incidents, turns
from cluster_ai.plans.turns import Turns
from tests.core.query_plans import scans
from tests.plans.conftest import Room
from tests.plans.stories import in_room


@in_room
async def test_no_query_reads_everything(room: Room) -> None:
    await room.submit({"id": "a"}, {"id": "b"})
    queries = (
        turns.flights_query(),
        turns.by_score_query(10),
        turns.of_owner_query("ana", 10, by_age=True),
        turns.of_owner_query("ana", 10, by_age=False),
        turns.next_owner_query("ana"),
        turns.lowest_query("ana"),
        turns.of_kinds_query(("DEPLOY", "PULL"), 10),
        turns.late_query("p"),
        *turns.counts_queries(),
        incidents.open_query(),
        incidents.page_query(kind="", is_open=False, before=None, limit=10),
        incidents.page_query(kind="lost", is_open=False, before=(1.0, "x"), limit=10),
    )
    async with room.database.read() as connection:
        for query in queries:
            assert await scans(connection, query) == [], str(query)


@in_room
async def test_an_owner_with_few_is_seen_behind_one_with_many(room: Room) -> None:
    await room.submit(*({"id": f"t{number}", "priority": "CRITICAL"} for number in range(30)), owner="ana")
    await room.submit({"id": "one", "priority": "LOW"}, owner="zoe")
    found, is_full = await Turns(room.database).waiting(5)
    assert {one.owner for one in found} == {"ana", "zoe"}
    assert is_full
    assert len(found) <= 11


@in_room
async def test_of_one_owner_the_best_and_the_oldest_are_seen(room: Room) -> None:
    await room.submit(*({"id": f"old{number}", "priority": "LOW"} for number in range(9)))
    room.later(1)
    await room.submit(*({"id": f"new{number}", "priority": "CRITICAL"} for number in range(9)))
    names = {ticket.ticket_id: ticket.task_id for ticket in await room.opened.queue.ready(room.now, 100)}
    found, is_full = await Turns(room.database).waiting(4)
    assert sorted(names[one.id][:3] for one in found) == ["new"] * 4 + ["old"] * 4
    assert is_full


@in_room
async def test_what_was_spent_is_summed_by_owner(room: Room) -> None:
    ids = (await room.submit({"id": "a"})).ticket_ids
    fence = await room.begin(ids["a"])
    room.later(5)
    await room.opened.reports.complete(fence, Result(ok=True))
    assert await Turns(room.database).spent(room.now - 10) == {"ana": 5.0}
    assert await Turns(room.database).spent(room.now + 10) == {}
