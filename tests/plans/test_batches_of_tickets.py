"""Brief tickets of one plan go together in one place; each with a lease of its own, and in the order of turns."""

from collections import Counter
from dataclasses import replace
from typing import Any

from cluster_ai.compute.tickets.words import Errand
from cluster_ai.executors.contract import Result
from cluster_ai.plans.asked import Asked, Bounds, Hand, Scene
from cluster_ai.plans.batching import Placing
from cluster_ai.plans.dispatcher import Dispatcher
from cluster_ai.plans.fairness import Rounds, pick
from cluster_ai.plans.pace import MOST, Pace
from tests.plans.conftest import Room
from tests.plans.small_desk import SmallDesk
from tests.plans.stories import in_room
from tests.plans.test_dispatching import begin, dispatcher, fence, finish, many

HAND = Hand("w0", slots=2)


def brisk(*groups: tuple[str, str], seconds: float = 0.001) -> Pace:
    pace = Pace()
    for group in groups or (("p", "EXECUTE"),):
        pace.saw(*group, seconds)
    return pace


def waiting(count: int, owner: str = "ann", plan_id: str = "p", **more: Any) -> list[Asked]:
    known = {"redoable": True, **more}
    return [Asked(f"{plan_id}{number:03}", owner, "EXECUTE", plan_id=plan_id, **known) for number in range(count)]


def placed(asked: list[Asked], pace: Pace, *, hands: tuple[Hand, ...] = (HAND,), **scene: Any) -> Placing:
    found = Placing({hand.name: hand for hand in hands}, Scene(0.0, hands=hands, **scene), pace, asked)
    pick(asked, found, Rounds(), 0.0)
    return found


def sizes(placing: Placing) -> list[int]:
    return [len(place.members) for place in placing.places]


def test_what_nobody_has_seen_goes_one_by_one() -> None:
    assert sizes(placed(waiting(100), Pace())) == [1, 1, 1, 1]


def test_what_is_brief_goes_together_and_leaves_some_for_the_others() -> None:
    assert sizes(placed(waiting(100), brisk())) == [25, 19, 14, 11]
    assert sizes(placed(waiting(1000), brisk())) == [MOST] * 4
    assert sizes(placed(waiting(1000), brisk(seconds=0.1))) == [5] * 4
    assert sizes(placed(waiting(1000), brisk(seconds=0.4))) == [1] * 4


def test_members_are_taken_in_the_order_of_turns() -> None:
    asked = [
        *waiting(8, rank=0.2, since=-1.0),
        *(replace(one, rank=0.6 + n / 100) for n, one in enumerate(waiting(8, plan_id="q"))),
    ]
    placing = placed(asked, brisk(("p", "EXECUTE"), ("q", "EXECUTE")), hands=(Hand("w0", slots=1),))
    first, second = placing.places
    assert {one.plan_id for one in first.members} == {"q"}
    # Every fourth turn is the oldest's, here one of p.
    assert {one.plan_id for one in second.members} == {"p"}
    assert [one.id for one in first.members] == ["q007", "q006", "q005", "q004"]


def test_only_those_go_together_that_the_same_places_can_take() -> None:
    able = Hand("w0", slots=2, capabilities=frozenset({"gpu"}))
    asked = [*waiting(8), *waiting(8, capabilities=frozenset({"gpu"}))]
    for place in placed(asked, brisk(), hands=(able,)).places:
        assert len({one.capabilities for one in place.members}) == 1


def test_what_may_not_be_done_again_or_holds_something_goes_alone() -> None:
    strong = Hand("w0", slots=8, resources={"GPU": 8.0})
    for more in ({"redoable": False}, {"resources": {"GPU": 1.0}}, {"approval": "pending"}, {"avoid": {"w9"}}):
        assert set(sizes(placed(waiting(20, **more), brisk(), hands=(strong,)))) == {1}


def test_an_owner_pays_for_all_that_go_together() -> None:
    pace = brisk(("p", "EXECUTE"), ("q", "EXECUTE"), seconds=0.05)
    asked = [*waiting(200), *waiting(200, "bob", "q")]
    placing = Placing({"w0": HAND}, Scene(0.0, hands=(HAND,)), pace, asked)
    rounds = pick(asked, placing, Rounds(), 0.0)
    taken = Counter(one.owner for place in placing.places for one in place.members)
    assert taken["ann"] == taken["bob"] == 20
    assert {round(turn.used, 3) for turn in rounds.turns.values()} == {1.0}


def test_a_quota_and_a_budget_are_asked_about_for_each() -> None:
    quota = placed(waiting(100), brisk(), bounds=Bounds(in_flight=7), in_flight={"ann": 2})
    assert sum(sizes(quota)) == 5
    budget = placed(waiting(100), brisk(), bounds=Bounds(seconds_a_day=10), spent={"ann": 9.9})
    assert 1 <= sum(sizes(budget)) < 60


# -- with tickets


async def of_brief(room: Room, desk: SmallDesk, count: int, **more: Any) -> tuple[Dispatcher, dict[str, str]]:
    """A dispatcher that has heard that tickets of this plan are brief."""
    done = await room.submit(*({"id": f"t{number}"} for number in range(count)), **more)
    works = dispatcher(room, desk, paces=brisk((done.plan.plan_id, "EXECUTE")))
    return works, done.ticket_ids


def batches(desk: SmallDesk) -> list[int]:
    return sorted(Counter(one.batch for one in desk.taken).values())


@in_room
async def test_each_of_a_batch_has_a_lease_of_its_own(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0")
    works, ids = await of_brief(room, desk, 10)
    await works.tick(room.later(0.3))
    assert batches(desk) == [3, 5]
    assert len({one.token for one in desk.taken}) == 8
    assert "" not in {one.batch for one in desk.taken}
    for one in desk.taken:
        await begin(room, one)
        found = await room.opened.reader.ticket(one.ticket_id)
        assert (found.status, found.attempt, found.allocated_agent_id) == ("running", 1, "w0")
    assert set(ids.values()) > {one.ticket_id for one in desk.taken}


@in_room
async def test_a_batch_takes_one_place_until_the_last_of_it_has_ended(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0")
    works, _ = await of_brief(room, desk, 12)
    await works.tick(room.later(0.3))
    first = [one for one in desk.taken if one.batch == desk.taken[0].batch]
    given = len(desk.taken)
    for one in first[:-1]:
        await finish(room, desk, one)
        assert not works.heeds(one.ticket_id)
    await works.tick(room.later(0.3))
    assert len(desk.taken) == given
    await finish(room, desk, first[-1])
    assert works.heeds(first[-1].ticket_id)
    await works.tick(room.later(0.3))
    assert len(desk.taken) > given


@in_room
async def test_with_room_left_whatever_becomes_ready_is_heeded(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0", threads=4)
    works = dispatcher(room, desk)
    await many(room, 2)
    await works.tick(room.later(0.3))
    assert works.heeds("anything")
    await many(room, 30)
    await works.tick(room.later(0.3))
    assert not works.heeds("anything")


@in_room
async def test_what_is_never_done_twice_goes_alone_whatever_is_known(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0", threads=2)
    once = {"qos": {"delivery_mode": "AT_MOST_ONCE"}}
    done = await room.submit(*({"id": f"t{number}", **once} for number in range(10)))
    works = dispatcher(room, desk, paces=brisk((done.plan.plan_id, "EXECUTE")))
    await works.tick(room.later(0.3))
    assert [one.batch for one in desk.taken] == [""] * 4


@in_room
async def test_what_has_little_time_does_not_wait_for_others(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0", threads=2)
    tickets = [{"id": f"t{number}", "sla": {"timeout_ms": 1000}} for number in range(20)]
    done = await room.submit(*tickets)
    await dispatcher(room, desk, paces=brisk((done.plan.plan_id, "EXECUTE"))).tick(room.now)
    assert {one.batch for one in desk.taken} == {""}


@in_room
async def test_a_ticket_may_say_that_it_can_be_done_again(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0")
    done = await room.submit(*({"id": f"t{n}", "type": "EXECUTE", "idempotent": n % 2 == 0} for n in range(12)))
    works = dispatcher(room, desk, paces=brisk((done.plan.plan_id, "EXECUTE")))
    await works.tick(room.later(0.3))
    names = {ticket_id: name for name, ticket_id in done.ticket_ids.items()}
    together = {int(names[one.ticket_id][1:]) % 2 for one in desk.taken if one.batch}
    assert together <= {0}


@in_room
async def test_after_a_restart_of_the_scheduler_those_not_begun_are_handed_in_again(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0")
    works, _ = await of_brief(room, desk, 10)
    await works.tick(room.later(0.3))
    before = list(desk.taken)
    begun = [one for one in before if one.batch == before[0].batch]
    for one in begun:
        await begin(room, one)
    desk.restart()
    await works.tick(room.later(3))
    again = desk.taken[len(before) :]
    assert {one.key for one in again} == {one.key for one in before} - {one.key for one in begun}
    assert {one.batch for one in again} == {before[-1].batch}


@in_room
async def test_a_worker_that_began_anew_has_lost_all_of_its_batches(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0", life="a")
    works, _ = await of_brief(room, desk, 10)
    await works.tick(room.later(0.3))
    before = list(desk.taken)
    for one in before[:3]:
        await begin(room, one)
    await finish_again(room, desk, before[0])
    desk.held.clear()
    desk.has("w0", life="b")
    picture = await works.tick(room.later(1))
    assert picture is not None
    assert {loss.flight.ticket_id for loss in picture.losses} == {one.ticket_id for one in before[1:]}
    for _ in range(3):
        await works.tick(room.later(6))
        for one in [*desk.held.values()]:
            await finish(room, desk, one)
    again = [one for one in desk.taken[len(before) :] if one.attempt == 2]
    assert len(again) >= 4
    assert {one.batch for one in again} == {""}, "what was lost goes alone"


async def finish_again(room: Room, desk: SmallDesk, errand: Errand) -> None:
    await room.opened.reports.complete(fence(room, errand), Result(ok=True))
    desk.held.pop(errand.key, None)


@in_room
async def test_what_another_dispatcher_handed_in_counts_one_by_one(room: Room) -> None:
    desk = SmallDesk()
    desk.has("w0")
    works, _ = await of_brief(room, desk, 40)
    await works.tick(room.later(0.3))
    given = len(desk.taken)
    other = dispatcher(room, desk)
    picture = await other.tick(room.later(0.3))
    assert picture is not None
    assert picture.has_no_room
    assert len(desk.taken) == given
    for one in desk.taken[: given - 1]:
        await finish(room, desk, one)
    await other.tick(room.later(0.3))
    assert len(desk.taken) == given + 1
