"""Tickets of all plans: found by a text, counted by state, with the names of their plans; on each database."""

from cluster_ai.plans.words import TicketState
from tests.plans.conftest import Room, Tell


def test_a_text_is_found_in_what_people_call_a_ticket_or_its_plan(tell: Tell) -> None:
    async def story(room: Room) -> None:
        night = await room.submit({"id": "Fetch"}, {"id": "weigh", "description": "100% of it"}, name="Nightly")
        other = await room.submit({"id": "fetch"}, {"id": "b"}, name="by_hand", owner="bo")

        async def found(text: str, **more: str) -> list[str]:
            return [one.task_id for one in (await room.opened.reader.tickets({"text": text} | more)).items]

        assert sorted(await found("FETCH")) == ["Fetch", "fetch"], "upper and lower case are one"
        assert await found("0% o") == ["weigh"], "in its description"
        assert sorted(await found("night")) == ["Fetch", "weigh"], "in its plan's name"
        assert (await found("%"), sorted(await found("_"))) == (["weigh"], ["b", "fetch"]), "signs of SQL's are signs"
        assert await found("fetch", plan_id=night.plan.plan_id) == ["Fetch"]
        assert await found("' OR 1=1 --") == []
        mine = await room.opened.reader.tickets({"text": "fetch"}, owner="bo")
        assert [one.owner for one in mine.items] == ["bo"]
        assert mine.plan_names == {other.plan.plan_id: "by_hand"}
        first = await room.opened.reader.tickets({"text": "fetch"}, limit=1)
        rest = await room.opened.reader.tickets({"text": "fetch"}, limit=1, cursor=first.next)
        assert ({first.items[0].task_id, rest.items[0].task_id}, rest.next) == ({"Fetch", "fetch"}, "")

    tell(story)


def test_tickets_of_all_plans_are_counted_by_state(tell: Tell) -> None:
    async def story(room: Room) -> None:
        ana = await room.submit({"id": "a"}, {"id": "b", "depends_on": ["a"]}, {"id": "c", "type": "TEST"})
        await room.submit({"id": "a"}, owner="bo")
        reader = room.opened.reader
        before = await reader.ticket_counts({})
        assert before.total == sum(before.items.values()) == 4
        waits, ready = TicketState.WAITING, TicketState.READY
        assert before.items == {waits: 1, ready: 3}
        await room.succeed(ana.ticket_ids["a"])
        assert (await reader.ticket_counts({})).items == {TicketState.SUCCEEDED: 1, ready: 3}
        assert (await reader.ticket_counts({}, owner="bo")).items == {ready: 1}
        assert (await reader.ticket_counts({"task_type": "TEST"})).items == {ready: 1}
        assert (await reader.ticket_counts({"plan_id": ana.plan.plan_id})).total == 3
        assert (await reader.ticket_counts({"plan_id": "none"})).items == {}

    tell(story)
