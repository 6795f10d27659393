"""Attempts: leased once, fenced, tried again within budgets, timed out each in its own way."""

import asyncio
from typing import Any

import pytest

from cluster_ai.executors.contract import Artefact, Result
from cluster_ai.plans.types import IllegalTransition, KeyReused, NotIdempotent, StaleAttempt, TicketToken, TokenScope
from tests.plans.conftest import LEASE, Room, Tell, opened_room

ONE = {"id": "a"}


async def one(room: Room, **more: Any) -> str:
    return (await room.submit(ONE | more)).ticket_ids["a"]


async def state(room: Room, ticket_id: str) -> tuple[str, str]:
    view = await room.opened.reader.ticket(ticket_id)
    return view.status.value, view.error_code


def test_two_dispatchers_race_and_each_ticket_has_one_winner(url: str, tmp_path: Any) -> None:
    async def race() -> None:
        async with opened_room(url, tmp_path) as room, opened_room(url, tmp_path) as rival:
            accepted = await room.submit(*({"id": f"t{number}"} for number in range(40)))

            async def take(who: Room, worker: str) -> list[str]:
                won = []
                while found := await who.opened.queue.ready(who.now, 8):
                    for ticket in found:
                        leased = await who.opened.queue.lease(ticket.ticket_id, worker, who.now, LEASE)
                        if leased is not None:
                            assert leased.attempt == 1
                            won.append(ticket.ticket_id)
                return won

            first, second = await asyncio.gather(take(room, "left"), take(rival, "right"))
            assert sorted(first + second) == sorted(accepted.ticket_ids.values())
            again = [room.opened.queue.lease(ticket_id, "w", room.now, LEASE) for ticket_id in first[:3]]
            assert await asyncio.gather(*again) == [None] * len(first[:3])
            for ticket_id in first + second:
                history = await room.opened.reader.history(ticket_id)
                assert (history.intact, len(history.attempts)) == (True, 1)

    asyncio.run(race())


def test_two_ask_for_the_same_ticket_at_once(url: str, tmp_path: Any) -> None:
    async def race() -> None:
        async with opened_room(url, tmp_path) as room, opened_room(url, tmp_path) as rival:
            accepted = await room.submit(*({"id": f"t{number}"} for number in range(25)))
            for ticket_id in accepted.ticket_ids.values():
                asked = (who.opened.queue.lease(ticket_id, "w", who.now, LEASE) for who in (room, rival, room))
                won = [leased for leased in await asyncio.gather(*asked) if leased is not None]
                assert len(won) == 1

    asyncio.run(race())


def test_a_report_of_an_attempt_that_was_taken_over_changes_nothing(tell: Tell) -> None:
    async def story(room: Room) -> None:
        ticket_id = await one(room)
        slow = await room.begin(ticket_id)
        assert (await room.opened.reaper.reap(room.later(LEASE + 1))).lost == 1
        assert await state(room, ticket_id) == ("retrying", "heartbeat_timeout")
        await room.opened.reaper.reap(room.later(400))
        quick = await room.begin(ticket_id)
        assert (slow.attempt, quick.attempt) == (1, 2)
        for late in (
            room.opened.reports.complete(slow, Result(ok=True, value="late")),
            room.opened.reports.fail(slow, Result(ok=False)),
            room.opened.reports.beat(slow),
            room.opened.reports.start(slow),
        ):
            with pytest.raises(StaleAttempt):
                await late
        done = await room.opened.reports.complete(quick, Result(ok=True, value="right"))
        assert (done.dup, done.status) == (False, "succeeded")
        with pytest.raises(StaleAttempt):
            await room.opened.reports.complete(slow, Result(ok=True, value="late"))
        view = await room.opened.reader.ticket(ticket_id)
        assert (view.result, view.attempt, view.losses, view.retry_count) == ("right", 2, 1, 0)
        attempts = (await room.opened.reader.history(ticket_id)).attempts
        assert [(one.outcome, one.cost_class) for one in attempts] == [("lost", "infra"), ("succeeded", "user")]

    tell(story)


def test_the_same_report_again_is_answered_the_same(tell: Tell) -> None:
    async def story(room: Room) -> None:
        accepted = await room.submit(ONE, {"id": "b", "depends_on": ["a"]}, {"id": "c", "depends_on": ["a"]})
        fence = await room.begin(accepted.ticket_ids["a"])
        assert not (await room.opened.reports.start(fence)).cancel
        result = Result(ok=True, value=[1, 2], artefacts=(Artefact(name="n", path="p", bytes=3, sha256="00"),))
        assert not (await room.opened.reports.complete(fence, result)).dup
        again = await room.opened.reports.complete(fence, result)
        assert (again.dup, again.status) == (True, "succeeded")
        with pytest.raises(StaleAttempt):
            await room.opened.reports.fail(fence, Result(ok=False, code="other"))
        assert sorted(await room.ready()) == ["b", "c"]
        failing = await room.begin(accepted.ticket_ids["b"])
        assert not (await room.opened.reports.fail(failing, Result(ok=False, code="x"))).dup
        assert (await room.opened.reports.fail(failing, Result(ok=False, code="x"))).dup

    tell(story)


def test_a_failure_is_tried_again_until_its_budget_is_used_up(tell: Tell) -> None:
    async def story(room: Room) -> None:
        ticket_id = await one(room, sla={"max_retries": 2})
        for tries in range(2):
            await room.fail(ticket_id, code="flaky")
            assert await state(room, ticket_id) == ("retrying", "flaky")
            assert await room.ready() == []
            await room.opened.reaper.reap(room.later(2.0**tries))
            assert await room.ready() == ["a"]
        await room.fail(ticket_id, code="flaky")
        assert await state(room, ticket_id) == ("dead", "flaky")
        assert len((await room.opened.reader.history(ticket_id)).attempts) == 3

    tell(story)


def test_an_executor_may_know_better_when_to_try_again(tell: Tell) -> None:
    async def story(room: Room) -> None:
        ticket_id = await one(room)
        await room.fail(ticket_id, retry_after=100.0)
        await room.opened.reaper.reap(room.later(99))
        assert (await state(room, ticket_id))[0] == "retrying"
        await room.opened.reaper.reap(room.later(1))
        assert (await state(room, ticket_id))[0] == "ready"

    tell(story)


def test_some_failures_are_not_tried_again(tell: Tell) -> None:
    async def story(room: Room) -> None:
        said_so = await one(room)
        await room.fail(said_so, retryable=False)
        assert await state(room, said_so) == ("failed", "broken")
        listed = await one(room, sla={"non_retryable": ["bad_input"]})
        await room.fail(listed, code="bad_input")
        assert await state(room, listed) == ("failed", "bad_input")

    tell(story)


def test_lost_workers_have_a_budget_of_their_own(tell: Tell) -> None:
    async def story(room: Room) -> None:
        ticket_id = await one(room, sla={"max_retries": 0})
        for losses in range(1, 6):
            await room.lease(ticket_id)
            await room.opened.reaper.reap(room.later(LEASE))
            assert await state(room, ticket_id) == ("retrying", "lease_expired")
            assert (await room.opened.reader.ticket(ticket_id)).losses == losses
            await room.opened.reaper.reap(room.later(300))
        await room.lease(ticket_id)
        await room.opened.reaper.reap(room.later(LEASE))
        assert await state(room, ticket_id) == ("dead", "workers_lost")

    tell(story)


@pytest.mark.parametrize("asked", [{"type": "DEPLOY"}, {"qos": {"delivery_mode": "AT_MOST_ONCE"}}])
def test_what_must_not_be_done_twice_is_not_begun_twice(tell: Tell, asked: dict[str, Any]) -> None:
    async def story(room: Room) -> None:
        lost = await one(room, **asked)
        await room.lease(lost)
        await room.opened.reaper.reap(room.later(LEASE))
        assert (await state(room, lost))[0] == "retrying", "nothing had begun"
        await room.opened.reaper.reap(room.later(300))
        await room.begin(lost)
        await room.opened.reaper.reap(room.later(LEASE))
        assert await state(room, lost) == ("failed", "lost_after_start")
        failed = await one(room, **asked)
        await room.fail(failed)
        assert await state(room, failed) == ("failed", "broken")

    tell(story)


def test_exactly_once_needs_work_that_can_be_done_twice_with_one_effect(tell: Tell) -> None:
    async def story(room: Room) -> None:
        with pytest.raises(NotIdempotent):
            await one(room, type="DEPLOY", qos={"delivery_mode": "EXACTLY_ONCE"})
        ticket_id = await one(room, qos={"delivery_mode": "EXACTLY_ONCE"})
        assert (await room.lease(ticket_id)).ticket.idempotency_key == ticket_id
        with pytest.raises(NotIdempotent):
            await one(room, idempotent=False, qos={"delivery_mode": "EXACTLY_ONCE"})

    tell(story)


def test_whoever_hands_it_in_may_say_whether_it_may_be_done_twice(tell: Tell) -> None:
    async def story(room: Room) -> None:
        for asked, ends in (({"type": "DEPLOY", "idempotent": True}, "retrying"), ({"idempotent": False}, "failed")):
            ticket_id = await one(room, **asked)
            assert (await room.opened.reader.ticket(ticket_id)).idempotent is asked["idempotent"]
            await room.begin(ticket_id)
            await room.opened.reaper.reap(room.later(LEASE))
            assert (await state(room, ticket_id))[0] == ends
        said, unsaid = {"id": "a", "idempotent": True}, {"id": "a"}
        await room.submit(said, idempotency_key="k")
        assert not (await room.submit(said, idempotency_key="k")).is_first
        with pytest.raises(KeyReused):
            await room.submit(unsaid, idempotency_key="k")

    tell(story)


def test_each_timeout_has_its_own_code(tell: Tell) -> None:
    async def story(room: Room) -> None:
        waits = await one(room, sla={"start_within_ms": 5000})
        await room.opened.reaper.reap(room.later(4))
        assert (await state(room, waits))[0] == "ready"
        await room.opened.reaper.reap(room.later(2))
        assert await state(room, waits) == ("failed", "schedule_to_start_timeout")
        slow = await one(room, sla={"timeout_ms": 40_000})
        fence = await room.begin(slow)
        room.later(20)
        await room.opened.reports.beat(fence, progress=0.5, note="half")
        view = await room.opened.reader.ticket(slow)
        assert (view.progress, view.note, view.status) == (0.5, "half", "running")
        assert (await room.opened.reaper.reap(room.later(20))).timed_out == 1
        assert await state(room, slow) == ("retrying", "start_to_close_timeout")

    tell(story)


def test_beats_keep_a_lease_and_a_restart_gives_each_one_more(tell: Tell) -> None:
    async def story(room: Room) -> None:
        ticket_id = await one(room, sla={"timeout_ms": 10_000_000})
        fence = await room.begin(ticket_id)
        for _ in range(10):
            room.later(LEASE - 1)
            await room.opened.reports.beat(fence)
            assert not (await room.opened.reaper.reap(room.now)).any
        room.later(1000)
        assert await room.opened.queue.extend_leases(room.now, LEASE) == 1
        assert not (await room.opened.reaper.reap(room.later(LEASE - 1))).any
        assert (await room.opened.reaper.reap(room.later(1))).lost == 1

    tell(story)


def test_a_clock_that_was_set_back_while_it_stood_makes_nothing_wait_for_long(tell: Tell) -> None:
    async def story(room: Room) -> None:
        running, waiting = await one(room), await one(room)
        await room.begin(running)
        await room.fail(waiting, retry_after=10.0)
        room.later(-86_400)
        await room.opened.queue.extend_leases(room.now, LEASE)
        assert (await room.opened.reaper.reap(room.later(LEASE))).lost == 1
        await room.opened.reaper.reap(room.later(3600))
        assert (await state(room, waiting))[0] == "ready"

    tell(story)


def test_a_token_opens_one_attempt_at_one_ticket(tell: Tell) -> None:
    async def story(room: Room) -> None:
        mine, other = await one(room), await one(room)
        leased = await room.lease(mine)
        keys = room.given.keys
        with pytest.raises(TokenScope):
            keys.read(leased.token, ticket_id=other, verb="complete", now=room.now)
        reading, until = await room.opened.tickets.token(mine, owner="ana")
        assert keys.read(reading, ticket_id=mine, verb="read", now=room.now).token == ""
        with pytest.raises(TokenScope):
            keys.read(reading, ticket_id=mine, verb="complete", now=room.now)
        with pytest.raises(TicketToken):
            keys.read(reading, ticket_id=mine, verb="read", now=until + 1)
        head, body, seal = leased.token.split(".")
        for wrong in ("", "x.y.z", f"{head}.{body}.{seal[:-4]}AAAA", f"{head}.{body}.", "." * 5000):
            with pytest.raises(TicketToken):
                keys.read(wrong, ticket_id=mine, verb="complete", now=room.now)
        assert keys.read(leased.token, ticket_id=mine, verb="complete", now=room.now + LEASE + 299).attempt == 1
        with pytest.raises(TicketToken):
            keys.read(leased.token, ticket_id=mine, verb="complete", now=room.now + LEASE + 301)

    tell(story)


def test_a_ticket_is_cancelled_before_and_while_it_runs(tell: Tell) -> None:
    async def story(room: Room) -> None:
        accepted = await room.submit(ONE, {"id": "b", "depends_on": ["a"]}, {"id": "c"})
        fence = await room.begin(accepted.ticket_ids["a"])
        view = await room.opened.tickets.cancel(accepted.ticket_ids["a"], owner="ana", by="ana")
        assert (view.status, view.can) == ("cancelling", ())
        assert (await room.opened.reports.beat(fence)).cancel
        await room.opened.reports.fail(fence, Result(ok=False, code="cancelled"))
        assert await room.states(accepted) == {"a": "cancelled", "b": "waiting", "c": "ready"} | {
            "a": "cancelled",
            "b": "cancelled",
        }
        await room.succeed(accepted.ticket_ids["c"])
        assert await room.plan(accepted) == "cancelled"
        leased = room.fence(await room.lease(await one(room)))
        await room.opened.tickets.cancel(leased.ticket_id, owner=None, by="olga")
        assert (await room.opened.reports.start(leased)).cancel, "it must not begin"
        with pytest.raises(IllegalTransition):
            await room.opened.reports.complete(leased, Result(ok=True))

    tell(story)


def test_a_worker_that_was_done_before_it_heard_of_the_cancellation_is_believed(tell: Tell) -> None:
    async def story(room: Room) -> None:
        ticket_id = await one(room)
        fence = await room.begin(ticket_id)
        await room.opened.tickets.cancel(ticket_id, owner="ana", by="ana")
        done = await room.opened.reports.complete(fence, Result(ok=True, value=1))
        assert done.status == "succeeded"

    tell(story)
