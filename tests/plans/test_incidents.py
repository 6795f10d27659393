"""What goes wrong is told once, and told again when it is over; records of plans survive a sink that is away."""

from collections.abc import Sequence
from typing import Any

import pytest

from cluster_ai.core.errors import InvalidInput, Unavailable
from cluster_ai.core.events import Event
from cluster_ai.plans import healing
from cluster_ai.plans.dispatcher import Picture
from cluster_ai.plans.healing import Finding, Past
from cluster_ai.plans.incidents import Incidents
from cluster_ai.plans.policy import Wait
from cluster_ai.plans.tables.turns import Flight
from cluster_ai.plans.telemetry import KEPT_SECONDS, MOST, Consolidation, Telemetry
from tests.plans.conftest import Room
from tests.plans.stories import in_room


def flight(**more: Any) -> Flight:
    known: dict[str, Any] = {
        "ticket_id": "t", "plan_id": "p", "attempt": 1, "owner": "ana", "kind": "EXECUTE", "status": "leased",
        "worker": "w0", "resources": {}, "begun": False, "begun_at": None, "lease_until": 130.0, "timeout": 60.0,
        "progress": 0.0, "updated_at": 100.0,
    }  # fmt: skip
    return Flight(**(known | more))


def waiting(at: float, *reasons: str) -> Picture:
    return Picture(at, waits={f"t{n}": Wait(at, "no_worker", reason) for n, reason in enumerate(reasons)})


def test_a_worker_that_is_missed_for_long_is_an_incident_and_a_short_absence_is_none() -> None:
    found, past = healing.lasting(waiting(0.0, "no worker has GPU=1"), Past())
    assert not found
    found, past = healing.lasting(waiting(31.0, "no worker has GPU=1", "no worker has GPU=1"), past)
    assert [(one.kind, one.subject, one.detail) for one in found] == [
        ("no_worker", "no worker has GPU=1", "2 tickets wait")
    ]
    found, past = healing.lasting(waiting(32.0), past)
    assert not found
    assert not healing.lasting(waiting(40.0, "no worker has GPU=1"), past)[0]


def test_an_absent_scheduler_is_told_and_hides_nothing_that_was_known() -> None:
    _, past = healing.lasting(waiting(0.0, "r"), Past())
    _, past = healing.lasting(Picture(20.0, away="refused"), past)
    found, past = healing.lasting(Picture(31.0, away="refused"), past)
    assert {one.kind for one in found} == {"scheduler_away", "no_worker"}
    assert not healing.lasting(Picture(32.0), past)[0]


def test_an_attempt_that_its_worker_does_not_begin_is_stuck() -> None:
    assert not healing.never_begun(Picture(119.0, flying=(flight(),)))
    assert healing.never_begun(Picture(121.0, flying=(flight(),)))
    assert not healing.never_begun(Picture(121.0, flying=(flight(begun=True),)))
    # Nobody can begin while nobody is there.
    assert not healing.never_begun(Picture(121.0, away="refused", flying=(flight(),)))


@pytest.mark.parametrize(
    ("kind", "code", "expected"),
    [
        ("ticket.retrying", "heartbeat_timeout", "lost"),
        ("ticket.failed", "lost_after_start", "lost"),
        ("ticket.failed", "start_to_close_timeout", "runaway"),
        ("ticket.dead_lettered", "memory_exceeded", "runaway"),
        ("ticket.failed", "exit_nonzero", None),
        ("ticket.completed", "heartbeat_timeout", None),
    ],
)
def test_what_happens_to_a_ticket(kind: str, code: str, expected: str | None) -> None:
    found = healing.of_event(kind, "t", {"error_code": code, "plan_id": "p"})
    assert (None if found is None else found.kind) == expected


def incidents_of(room: Room) -> Incidents:
    return Incidents(room.database, room.told.append, room.given.new_id)


@in_room
async def test_an_incident_is_opened_once_and_closed_once(room: Room) -> None:
    kept = incidents_of(room)
    wrong = Finding("no_worker", "no worker has GPU=1", "1 tickets wait")
    for _ in range(3):
        await kept.lasting(("no_worker",), [wrong], now=room.later(1))
    assert kept.open_kinds == {"no_worker": 1}
    # Another life of the program knows of it.
    later = incidents_of(room)
    await later.load()
    await later.lasting(("no_worker",), [wrong], now=room.later(1))
    await later.lasting(("no_worker",), [], now=room.later(1))
    assert [event.type for event in room.told if event.topic == "incident"] == ["incident.opened", "incident.closed"]
    (one,) = (await later.page()).items
    assert (one.closed_at, one.count) == (room.now, 1)
    assert not (await later.page(is_open=True)).items


@in_room
async def test_an_incident_of_a_ticket_is_over_when_the_ticket_ends_even_unheard(room: Room) -> None:
    ids = (await room.submit({"id": "a"})).ticket_ids
    kept = incidents_of(room)
    await kept.found(Finding("lost", ids["a"], "an attempt was lost"), now=room.now)
    await kept.sweep(room.now)
    assert kept.open_kinds == {"lost": 1}
    await room.succeed(ids["a"])
    await kept.sweep(room.now)
    assert not kept.open_kinds


@in_room
async def test_incidents_are_paged_from_the_newest(room: Room) -> None:
    kept = incidents_of(room)
    for number in range(5):
        await kept.found(Finding("stuck", f"t{number}", ""), now=room.later(1))
    first = await kept.page(limit=3)
    second = await kept.page(limit=3, cursor=first.next)
    assert [one.subject for one in (*first.items, *second.items)] == ["t4", "t3", "t2", "t1", "t0"]
    assert second.next == ""
    with pytest.raises(InvalidInput):
        await kept.page(cursor="nonsense")


@in_room
async def test_records_wait_for_a_sink_that_is_away_and_none_is_lost(room: Room) -> None:
    taken: list[Event] = []
    is_away = [True]

    async def sink(records: Sequence[Event]) -> None:
        if is_away[0]:
            raise Unavailable("gone")
        taken.extend(records)

    telemetry = Telemetry(room.database, sink, room.given.new_id)
    for number in range(3):
        await telemetry.put({"n": number, "plan_id": "p"}, room.later(1))
    assert await telemetry.flush(room.now) == 0
    assert (telemetry.size, telemetry.why) == (3, "gone")
    is_away[0] = False
    assert await telemetry.flush(room.later(60)) == 3
    assert [(event.type, event.data["n"]) for event in taken] == [("telemetry.flow", number) for number in range(3)]
    assert (telemetry.size, telemetry.away_since) == (0, None)


@in_room
async def test_records_do_not_wait_for_ever(room: Room) -> None:
    async def sink(_records: Sequence[Event]) -> None:
        raise Unavailable("gone")

    telemetry = Telemetry(room.database, sink, room.given.new_id)
    await telemetry.put({"n": 0}, room.now)
    await telemetry.put({"n": 1}, room.later(KEPT_SECONDS))
    await telemetry.flush(room.later(1))
    await telemetry.flush(room.now)
    assert (telemetry.size, telemetry.dropped) == (1, 1)
    assert MOST >= 1000


@in_room
async def test_a_plan_that_ended_is_summed_up_and_a_changed_history_is_found(room: Room) -> None:
    done = await room.submit({"id": "a"}, {"id": "b", "depends_on": ["a"]})
    await room.drain()
    consolidation = Consolidation(room.database, room.opened.plans, room.opened.reader, lambda: room.now)
    summed = await consolidation.of(done.plan.plan_id)
    assert summed is not None
    assert not summed.broken
    assert {"c2", "c3", "c4", "c5"} <= set(summed.record["steps"])
    assert (summed.record["status"], summed.record["succeeded"]) == ("succeeded", 2)
    async with room.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE ticket_events SET actor = 'nobody' WHERE seq = 2")
    again = await consolidation.of(done.plan.plan_id)
    assert again is not None
    assert again.broken
    assert again.record["intact"] is False
    assert await consolidation.of("01a2022c-0000-7000-8000-000000000000") is None
