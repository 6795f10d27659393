"""Tickets are leased before they are handed in, each to one dispatcher, and what is lost comes back."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from cluster_ai.compute.scaling import node_of
from cluster_ai.compute.tickets.words import Errand, Sight
from cluster_ai.core.consent import Outlook
from cluster_ai.executors.contract import Result
from cluster_ai.plans.asked import Bounds, Hand
from cluster_ai.plans.dispatcher import Dispatcher, Means
from cluster_ai.plans.losing import Flow
from cluster_ai.plans.records import Fence
from tests.plans.conftest import Room
from tests.plans.small_desk import SmallDesk
from tests.plans.stories import in_room


def hands(sight: Sight) -> tuple[Hand, ...]:
    return tuple(
        Hand(
            hold.name,
            node=node_of(hold.name),
            slots=hold.threads,
            resources=hold.resources,
            capabilities=frozenset(hold.resources),
        )
        for hold in sight.workers
    )


def dispatcher(room: Room, desk: SmallDesk, **more: Any) -> Dispatcher:
    return Dispatcher(Means(database=room.database, queue=Flow(room.given), desk=desk, hands=hands, **more))


def fence(room: Room, errand: Errand) -> Fence:
    return room.given.keys.read(errand.token, ticket_id=errand.ticket_id, verb="complete", now=room.now)


async def begin(room: Room, errand: Errand) -> None:
    await room.opened.reports.start(fence(room, errand))


async def finish(room: Room, desk: SmallDesk, errand: Errand) -> None:
    await begin(room, errand)
    await room.opened.reports.complete(fence(room, errand), Result(ok=True))
    desk.held.pop(errand.key, None)


async def many(room: Room, count: int, **more: Any) -> dict[str, str]:
    return (await room.submit(*({"id": f"t{number}"} for number in range(count)), **more)).ticket_ids


@in_room
async def test_as_many_are_in_flight_as_there_are_slots_twice(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0", threads=2)
    desk.has("w1", threads=1)
    await many(room, 20)
    works = dispatcher(room, desk)
    await works.tick(room.later(0.3))
    assert Counter(one.worker for one in desk.taken) == {"w0": 4, "w1": 2}
    await works.tick(room.later(0.3))
    assert len(desk.taken) == 6
    await finish(room, desk, desk.taken[0])
    await works.tick(room.later(0.3))
    assert len(desk.taken) == 7


@in_room
async def test_a_plan_is_done_in_its_order(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0", threads=4)
    ids = (
        await room.submit({"id": "a"}, {"id": "b", "depends_on": ["a"]}, {"id": "c", "depends_on": ["b"]})
    ).ticket_ids
    works = dispatcher(room, desk)
    for _ in range(3):
        await works.tick(room.later(0.3))
        await finish(room, desk, desk.taken[-1])
    assert [one.ticket_id for one in desk.taken] == [ids["a"], ids["b"], ids["c"]]


@in_room
async def test_two_dispatchers_race_and_each_ticket_has_one_winner(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0", threads=40)
    await many(room, 60)
    both = dispatcher(room, desk), dispatcher(room, desk)
    for _ in range(3):
        await asyncio.gather(*(one.tick(room.later(0.3)) for one in both))
    assert len(desk.taken) == 60
    assert set(Counter(one.ticket_id for one in desk.taken).values()) == {1}
    assert {one.attempt for one in desk.taken} == {1}


@in_room
async def test_nothing_is_leased_while_the_scheduler_is_away(room: Room) -> None:
    desk = SmallDesk(away=True)
    desk.has("w0")
    ids = await many(room, 1)
    works = dispatcher(room, desk)
    picture = await works.tick(room.later(0.3))
    assert picture is not None
    assert picture.away == "away"
    assert (await room.opened.reader.ticket(ids["t0"])).attempt == 0
    desk.away = False
    await works.tick(room.later(0.3))
    assert len(desk.taken) == 1


@in_room
async def test_who_does_not_lead_does_nothing(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0")
    await many(room, 1)
    leads = [False]
    works = dispatcher(room, desk, leads=lambda: leads[0])
    assert await works.tick(room.later(0.3)) is None
    assert not desk.taken
    leads[0] = True
    await works.tick(room.later(0.3))
    assert len(desk.taken) == 1


@in_room
async def test_after_a_restart_of_the_scheduler_only_what_was_not_begun_is_handed_in_again(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0", threads=1)
    await many(room, 2)
    works = dispatcher(room, desk)
    await works.tick(room.later(0.3))
    first, second = desk.taken
    await begin(room, first)
    desk.restart()
    await works.tick(room.later(3))
    assert desk.taken[2:] == [second]
    assert desk.taken[2].attempt == 1


@in_room
async def test_a_worker_that_began_anew_has_lost_all_that_it_had(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0", threads=1, life="a")
    await many(room, 2)
    works = dispatcher(room, desk)
    await works.tick(room.later(0.3))
    first, second = desk.taken
    await begin(room, first)
    desk.held.clear()
    desk.has("w0", threads=1, life="b")
    picture = await works.tick(room.later(1))
    assert picture is not None
    assert {loss.code for loss in picture.losses} == {"worker_lost"}
    await works.tick(room.later(5))
    again = desk.taken[2:]
    assert {(one.ticket_id, one.attempt) for one in again} == {(first.ticket_id, 2), (second.ticket_id, 2)}
    # What the old process may still say is refused.
    with pytest.raises(Exception, match="is over"):
        await room.opened.reports.complete(fence(room, first), Result(ok=True))


@in_room
async def test_what_a_killed_dispatcher_leased_and_did_not_hand_in_comes_back(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0")
    ids = await many(room, 1)
    await room.opened.queue.lease(ids["t0"], "w0", room.now, 30.0)
    works = dispatcher(room, desk)
    await works.tick(room.later(0.3))
    assert not desk.taken
    await works.tick(room.later(6))
    await works.tick(room.later(6))
    assert [(one.ticket_id, one.attempt) for one in desk.taken] == [(ids["t0"], 2)]


@in_room
async def test_every_lease_is_extended_once_at_the_start(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0")
    await many(room, 1)
    await dispatcher(room, desk).tick(room.now)
    (errand,) = desk.taken
    await begin(room, errand)
    # Nobody dispatched for minutes; its worker worked on.
    works = dispatcher(room, desk)
    await works.tick(room.later(200))
    assert not (await room.opened.reports.complete(fence(room, errand), Result(ok=True))).dup


@in_room
async def test_what_needs_a_yes_waits_for_it(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0")
    ids = (await room.submit({"id": "a", "metadata": {"approval": "required"}})).ticket_ids
    works = dispatcher(room, desk)
    await works.tick(room.later(0.3))
    found = await room.opened.reader.ticket(ids["a"])
    assert (found.status, found.error_code) == ("frozen", "approval")
    await room.opened.tickets.unhold(ids["a"], owner=None, by="boss")
    await works.tick(room.later(0.3))
    assert len(desk.taken) == 1


@in_room
async def test_what_can_never_go_ends_its_plan_with_the_reason(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0")
    done = await room.submit({"id": "a", "estimated_duration_ms": 60_000}, {"id": "b", "depends_on": ["a"]})
    works = dispatcher(room, desk, bounds=Bounds(seconds_a_day=10))
    await works.tick(room.later(0.3))
    plan = await room.opened.reader.plan(done.plan.plan_id)
    assert (plan.status, plan.error_code) == ("failed", "over_budget")


@in_room
async def test_what_no_worker_has_waits_until_one_comes(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0")
    ids = (await room.submit({"id": "a", "resources": {"GPU": 1.0}})).ticket_ids
    works = dispatcher(room, desk)
    picture = await works.tick(room.later(0.3))
    assert picture is not None
    assert picture.waits[ids["a"]].code == "no_worker"
    desk.has("w1", GPU=1.0)
    await works.tick(room.later(0.3))
    assert [one.worker for one in desk.taken] == ["w1"]


@in_room
async def test_owners_share_the_places(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0", threads=4)
    await many(room, 300, owner="ana")
    await many(room, 5, owner="bob")
    await dispatcher(room, desk).tick(room.now)
    owners = [(await room.opened.reader.ticket(one.ticket_id)).owner for one in desk.taken]
    assert Counter(owners) == {"ana": 4, "bob": 4}


BURNT = "chat burns its budget"


async def standing(room: Room, ticket_id: str) -> tuple[str, str, str]:
    found = await room.opened.reader.ticket(ticket_id)
    return found.status.value, found.error_code, found.error_message


@in_room
async def test_what_a_freeze_forbids_is_held_and_goes_on_when_it_is_lifted(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0")
    ids = (await room.submit({"id": "a"}, {"id": "b", "type": "DEPLOY"}, {"id": "c", "type": "DEPLOY"})).ticket_ids
    room.forbidden["BLOCK_DEPLOY"] = BURNT
    works = dispatcher(room, desk, frozen=room.outlook)
    await works.tick(room.later(1.1))
    assert [one.ticket_id for one in desk.taken] == [ids["a"]]
    assert {await standing(room, ids[name]) for name in "bc"} == {("frozen", "frozen", BURNT)}
    await finish(room, desk, desk.taken[0])
    await works.tick(room.later(60))
    assert {await standing(room, ids[name]) for name in "bc"} == {("frozen", "frozen", BURNT)}
    room.forbidden.clear()
    await works.tick(room.later(1.1))
    assert (await standing(room, ids["b"]))[1:] == ("", ""), "not fifteen seconds later"
    await works.tick(room.later(1.1))
    assert {one.ticket_id for one in desk.taken} == set(ids.values())
    assert (await room.opened.reader.history(ids["b"])).intact


@in_room
async def test_a_frozen_ticket_says_so_though_no_worker_could_take_it(room: Room) -> None:
    for desk in (SmallDesk(away=True), SmallDesk()):
        ids = (await room.submit({"id": "b", "type": "DEPLOY"})).ticket_ids
        room.forbidden["BLOCK_DEPLOY"] = BURNT
        await dispatcher(room, desk, frozen=room.outlook).tick(room.later(1.1))
        assert await standing(room, ids["b"]) == ("frozen", "frozen", BURNT)
        room.forbidden.clear()


@in_room
async def test_between_two_looks_a_freeze_holds_up_the_turn(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0")
    room.forbidden["BLOCK_DEPLOY"] = BURNT
    works = dispatcher(room, desk, frozen=room.outlook)
    await works.tick(room.later(1.1))
    room.forbidden.clear()
    ids = (await room.submit({"id": "b", "type": "DEPLOY"})).ticket_ids
    picture = await works.tick(room.later(0.3))
    assert picture is not None
    assert (picture.waits[ids["b"]].code, picture.waits[ids["b"]].reason) == ("frozen", BURNT)
    assert desk.taken == []
    await works.tick(room.later(1.1))
    assert [one.ticket_id for one in desk.taken] == [ids["b"]]


@in_room
async def test_an_outlook_that_is_too_dark_holds_nothing(room: Room) -> None:
    """What is held is asked about in a unit of work: a look of a second ago does not freeze."""
    desk = SmallDesk()
    desk.has("w0")
    ids = (await room.submit({"id": "b", "type": "DEPLOY"})).ticket_ids

    async def gloomy() -> Outlook:
        return Outlook("dark", lambda _deed: BURNT)

    await dispatcher(room, desk, frozen=gloomy).tick(room.later(1.1))
    assert (await standing(room, ids["b"]))[:2] == ("ready", "")


@in_room
async def test_what_mends_is_not_held(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0")
    ids = (await room.submit({"id": "b", "type": "DEPLOY", "metadata": {"mending": "true"}})).ticket_ids
    room.forbidden["BLOCK_DEPLOY"] = BURNT
    await dispatcher(room, desk, frozen=room.outlook).tick(room.later(1.1))
    assert [one.ticket_id for one in desk.taken] == [ids["b"]]


@in_room
async def test_what_reads_anothers_artefact_is_done_where_that_lies(room: Room) -> None:
    desk = SmallDesk()
    desk.has("mouse-0")
    reads = {"files": [{"path": "in", "ticket": "a", "artefact": "out"}]}
    ids = (await room.submit({"id": "a"}, {"id": "c", "depends_on": ["a"], "parameters": reads})).ticket_ids
    works = dispatcher(room, desk)
    await works.tick(room.later(0.3))
    await finish(room, desk, desk.taken[0])
    # A better one comes, without what the first one left.
    desk.has("a-better-one", threads=8)
    await works.tick(room.later(0.3))
    assert [(one.ticket_id, one.worker) for one in desk.taken[-1:]] == [(ids["c"], "mouse-0")]


@in_room
async def test_a_retry_waits_no_longer_after_a_start_with_a_clock_an_hour_back(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0")
    ids = (await room.submit({"id": "a"})).ticket_ids
    await room.fail(ids["a"], retry_after=20.0)
    room.later(-3600)
    works = dispatcher(room, desk)
    await works.tick(room.later(1))
    await works.tick(room.later(15))
    assert desk.taken == []
    await works.tick(room.later(7))
    assert [one.ticket_id for one in desk.taken] == [ids["a"]]
