"""Plans from their acceptance to their end: order, failure policies, compensation, cancellation, pauses."""

import pytest

from cluster_ai.executors.contract import Result
from cluster_ai.plans.types import IllegalTransition, NoSuchPlan
from cluster_ai.plans.words import TaskType
from tests.plans.conftest import Room, Tell

DIAMOND = (
    {"id": "a"},
    {"id": "b", "depends_on": ["a"]},
    {"id": "c", "depends_on": ["a"]},
    {"id": "d", "depends_on": ["b", "c"]},
)


def test_nothing_is_given_away_before_what_it_depends_on(tell: Tell) -> None:
    async def story(room: Room) -> None:
        accepted = await room.submit(*DIAMOND)
        assert await room.ready() == ["a"]
        assert await room.plan(accepted) == "submitted"
        await room.succeed(accepted.ticket_ids["a"])
        assert sorted(await room.ready()) == ["b", "c"]
        assert await room.plan(accepted) == "running"
        await room.succeed(accepted.ticket_ids["c"])
        assert await room.ready() == ["b"]
        await room.succeed(accepted.ticket_ids["b"])
        assert await room.drain() == ["d"]
        assert set((await room.states(accepted)).values()) == {"succeeded"}
        view = await room.opened.reader.plan(accepted.plan.plan_id)
        assert (view.status, view.succeeded, view.open_tickets, view.finished_at) == ("succeeded", 4, 0, room.now)
        assert await room.opened.reader.verify(accepted.plan.plan_id) == 4
        kinds = [event.type for event in room.told]
        assert kinds[:2] == ["plan.submitted", "ticket.created"]
        assert kinds[-1] == "plan.completed"
        assert kinds.count("ticket.completed") == 4
        assert kinds.count("plan.started") == 1

    tell(story)


def test_a_failure_stops_the_whole_plan_under_fail_fast(tell: Tell) -> None:
    async def story(room: Room) -> None:
        accepted = await room.submit({"id": "a"}, {"id": "b"}, {"id": "c", "depends_on": ["a"]})
        running = await room.begin(accepted.ticket_ids["b"])
        await room.fail(accepted.ticket_ids["a"], retryable=False)
        assert await room.states(accepted) == {"a": "failed", "b": "cancelling", "c": "cancelled"}
        assert await room.plan(accepted) == "running"
        assert (await room.opened.reports.beat(running)).cancel
        await room.opened.reports.fail(running, Result(ok=False, code="cancelled"))
        assert (await room.states(accepted))["b"] == "cancelled"
        assert await room.plan(accepted) == "failed"

    tell(story)


def test_independent_branches_finish_under_continue(tell: Tell) -> None:
    async def story(room: Room) -> None:
        accepted = await room.submit(
            {"id": "a"},
            {"id": "b", "depends_on": ["a"]},
            {"id": "c", "depends_on": ["b"]},
            {"id": "x"},
            {"id": "y", "depends_on": ["x"]},
            failure_policy="CONTINUE",
        )
        await room.fail(accepted.ticket_ids["a"], retryable=False)
        assert sorted(await room.drain()) == ["x", "y"]
        states = await room.states(accepted)
        assert states == {"a": "failed", "b": "skipped", "c": "skipped", "x": "succeeded", "y": "succeeded"}
        assert await room.plan(accepted) == "failed"

    tell(story)


def test_what_was_done_is_undone_in_reverse_order(tell: Tell) -> None:
    async def story(room: Room) -> None:
        accepted = await room.submit(
            {"id": "a"},
            {"id": "b", "depends_on": ["a"]},
            {"id": "asked", "type": "INFER", "depends_on": ["b"]},
            {"id": "c", "depends_on": ["asked"]},
            {"id": "d", "depends_on": ["c"]},
            failure_policy="COMPENSATE",
        )
        for name in ("a", "b", "asked", "c"):
            await room.succeed(accepted.ticket_ids[name], name)
        await room.fail(accepted.ticket_ids["d"], retryable=False)
        assert await room.plan(accepted) == "compensating"
        undone = await room.drain()
        assert undone == ["c", "b", "a"]
        assert await room.plan(accepted) == "compensated"
        states = await room.states(accepted)
        assert states == {
            "a": "compensated",
            "b": "compensated",
            "asked": "succeeded",
            "c": "compensated",
            "d": "failed",
        }
        history = await room.opened.reader.history(accepted.ticket_ids["a"])
        assert [attempt.undoes for attempt in history.attempts] == [False, True]
        assert [entry.type for entry in history.entries][-4:] == ["compensating", "leased", "started", "compensated"]
        assert history.intact

    tell(story)


def test_what_cannot_be_undone_is_a_dead_letter_and_the_plan_failed(tell: Tell) -> None:
    async def story(room: Room) -> None:
        accepted = await room.submit(
            {"id": "a", "sla": {"max_retries": 1}}, {"id": "b", "depends_on": ["a"]}, failure_policy="COMPENSATE"
        )
        await room.succeed(accepted.ticket_ids["a"])
        await room.fail(accepted.ticket_ids["b"], retryable=False)
        await room.fail(accepted.ticket_ids["a"])
        await room.opened.reaper.reap(room.later(400))
        await room.fail(accepted.ticket_ids["a"])
        assert await room.states(accepted) == {"a": "dead", "b": "failed"}
        view = await room.opened.reader.plan(accepted.plan.plan_id)
        assert (view.status, view.error_code) == ("failed", "compensation_failed")

    tell(story)


def test_a_cancelled_plan_stops_within_its_deadline(tell: Tell) -> None:
    async def story(room: Room) -> None:
        accepted = await room.submit(*DIAMOND, {"id": "e"})
        running = await room.begin(accepted.ticket_ids["a"])
        await room.lease(accepted.ticket_ids["e"])
        plan_id = accepted.plan.plan_id
        with pytest.raises(NoSuchPlan):
            await room.opened.plans.cancel(plan_id, owner="bob", by="bob")
        await room.opened.plans.cancel(plan_id, owner="ana", by="ana", within=20)
        assert (await room.states(accepted))["a"] == "cancelling"
        assert await room.plan(accepted) == "cancelling"
        await room.opened.reaper.reap(room.later(10))
        assert (await room.states(accepted))["a"] == "cancelling"
        await room.opened.reaper.reap(room.later(11))
        assert set((await room.states(accepted)).values()) == {"cancelled"}
        assert await room.plan(accepted) == "cancelled"
        with pytest.raises(Exception, match="is over"):
            await room.opened.reports.complete(running, Result(ok=True))
        with pytest.raises(IllegalTransition):
            await room.opened.plans.cancel(plan_id, owner="ana", by="ana")

    tell(story)


def test_a_paused_plan_gives_nothing_away_and_what_runs_goes_on(tell: Tell) -> None:
    async def story(room: Room) -> None:
        accepted = await room.submit(*DIAMOND, {"id": "e"})
        other = await room.submit({"id": "z"}, owner="bob")
        running = await room.begin(accepted.ticket_ids["a"])
        await room.opened.plans.pause(accepted.plan.plan_id, owner="ana", by="ana")
        assert await room.ready() == ["z"]
        await room.opened.reports.complete(running, Result(ok=True))
        assert (await room.states(accepted))["b"] == "ready"
        assert await room.ready() == ["z"]
        assert await room.opened.queue.lease(accepted.ticket_ids["b"], "w", room.now, 30) is None
        await room.opened.plans.resume(accepted.plan.plan_id, owner="ana", by="ana")
        assert sorted(await room.drain()) == ["b", "c", "d", "e", "z"]
        assert await room.plan(other) == "succeeded"

    tell(story)


def test_a_plan_that_is_submitted_paused_begins_when_it_is_resumed(tell: Tell) -> None:
    async def story(room: Room) -> None:
        accepted = await room.submit(*DIAMOND, paused=True)
        assert set((await room.states(accepted)).values()) == {"pending"}
        assert await room.ready() == []
        await room.opened.plans.resume(accepted.plan.plan_id, owner="ana", by="ana")
        states = await room.states(accepted)
        assert (states["a"], states["d"]) == ("ready", "waiting")
        assert (await room.drain())[0] == "a"
        assert await room.plan(accepted) == "succeeded"

    tell(story)


def test_a_paused_kind_of_work_is_not_given_away(tell: Tell) -> None:
    async def story(room: Room) -> None:
        await room.submit({"id": "a"}, {"id": "b", "type": "TEST"})
        await room.opened.tickets.pause_kind(TaskType.TEST, by="olga")
        await room.submit({"id": "c"}, {"id": "d", "type": "TEST"}, {"id": "e", "type": "TEST", "depends_on": ["c"]})
        assert sorted(await room.drain()) == ["a", "c"]
        assert await room.opened.tickets.paused_kinds() == {"TEST": "olga"}
        await room.opened.tickets.resume_kind(TaskType.TEST)
        assert sorted(await room.drain()) == ["b", "d", "e"]

    tell(story)


def test_a_plan_past_its_deadline_has_failed(tell: Tell) -> None:
    async def story(room: Room) -> None:
        accepted = await room.submit({"id": "a"}, {"id": "b", "depends_on": ["a"]}, deadline_s=60.0)
        await room.opened.reaper.reap(room.later(59))
        assert await room.plan(accepted) == "submitted"
        assert (await room.opened.reaper.reap(room.later(2))).late == 1
        view = await room.opened.reader.plan(accepted.plan.plan_id)
        assert (view.status, view.error_code) == ("failed", "plan_deadline")
        assert (await room.opened.reaper.reap(room.later(2))).late == 0

    tell(story)
