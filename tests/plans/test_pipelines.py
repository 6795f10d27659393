"""What a pipeline elsewhere said of a ticket reaches whoever works at it, once it is kept, and one word counts."""

import asyncio
from typing import Any

import pytest

from cluster_ai.core.errors import NotFound
from cluster_ai.executors.contract import Reported, Result
from cluster_ai.plans.types import ReportedOtherwise, StaleAttempt
from cluster_ai.plans.words import TicketState
from tests.plans.conftest import Room
from tests.plans.stories import in_room

GREEN = Reported(succeeded=True, detail="42 tests", url="https://ci.lan/7")
RED = Reported(succeeded=False, detail="2 of 42 tests failed")
WAITS: dict[str, Any] = {"id": "ci", "type": "TEST", "parameters": {"pipeline": {"url": "http://ci.lan/start"}}}


async def reported(room: Room, ticket_id: str, said: Reported) -> None:
    async with room.database.transaction() as connection:
        await room.opened.pipelines.reported(connection, ticket_id, said)


async def the_ticket(room: Room, *others: dict[str, Any], **more: Any) -> str:
    return (await room.submit(WAITS | more, *others)).ticket_ids["ci"]


@in_room
async def test_it_comes_with_the_next_beat_and_with_each_after_it(room: Room) -> None:
    ticket_id = await the_ticket(room)
    fence = await room.begin(ticket_id)
    assert (await room.opened.reports.beat(fence)).report is None
    await reported(room, ticket_id, GREEN)
    assert (await room.opened.reports.beat(fence)).report == GREEN
    assert (await room.opened.reports.progress(fence, 0.5)).report == GREEN


@in_room
async def test_what_was_said_before_the_attempt_comes_with_its_start(room: Room) -> None:
    first = {"id": "first", "type": "EXECUTE"}
    ids = (await room.submit(first, WAITS | {"depends_on": ["first"]})).ticket_ids
    await reported(room, ids["ci"], GREEN)
    await room.succeed(ids["first"])
    fence = room.fence(await room.lease(ids["ci"]))
    assert (await room.opened.reports.start(fence)).report == GREEN


@in_room
async def test_the_attempt_after_one_that_was_lost_hears_it_and_that_one_hears_nothing(room: Room) -> None:
    ticket_id = await the_ticket(room)
    lost = await room.begin(ticket_id)
    await room.opened.reaper.reap(room.later(31))
    assert (await room.opened.reader.ticket(ticket_id)).status is TicketState.RETRYING
    await reported(room, ticket_id, RED)
    await room.opened.reaper.reap(room.later(10))
    fence = room.fence(await room.lease(ticket_id))
    assert (await room.opened.reports.start(fence)).report == RED
    with pytest.raises(StaleAttempt):
        await room.opened.reports.beat(lost)


@in_room
async def test_the_same_again_is_fine_and_another_is_refused_then_and_afterwards(room: Room) -> None:
    ticket_id = await the_ticket(room)
    fence = await room.begin(ticket_id)
    for _ in range(2):
        await reported(room, ticket_id, GREEN)
        for other in (RED, GREEN.model_copy(update={"detail": "43 tests"})):
            with pytest.raises(ReportedOtherwise, match="that it succeeded"):
                await reported(room, ticket_id, other)
        assert (await room.opened.reports.beat(fence)).report == GREEN
    await room.opened.reports.complete(fence, Result(ok=True, value={}))
    await reported(room, ticket_id, GREEN)
    with pytest.raises(ReportedOtherwise):
        await reported(room, ticket_id, RED)


@in_room
async def test_of_many_at_once_one_counts(room: Room) -> None:
    ticket_id = await the_ticket(room)
    said = [Reported(succeeded=number % 2 == 0, detail=str(number)) for number in range(8)]
    answers = await asyncio.gather(*(reported(room, ticket_id, one) for one in said), return_exceptions=True)
    assert sum(answer is None for answer in answers) == 1
    assert sum(isinstance(answer, ReportedOtherwise) for answer in answers) == 7
    kept = said[answers.index(None)]
    fence = room.fence(await room.lease(ticket_id))
    assert (await room.opened.reports.start(fence)).report == kept


@in_room
async def test_nobody_waits(room: Room) -> None:
    other = {"id": "other", "type": "EXECUTE"}
    files = {"id": "files", "type": "TEST", "parameters": {"files": []}}
    ids = (await room.submit(WAITS, other, files, failure_policy="CONTINUE")).ticket_ids
    for ticket_id in (ids["other"], ids["files"], "0" * 36, "x" * 64):
        with pytest.raises(NotFound) as nobody:
            await reported(room, ticket_id, GREEN)
        assert (nobody.value.code, bool(nobody.value.hint)) == ("not_found", True)
    await room.opened.tickets.cancel(ids["ci"], owner=None, by="ana")
    with pytest.raises(NotFound):
        await reported(room, ids["ci"], GREEN)


@in_room
async def test_who_is_asked_to_stop_waits_for_nobody(room: Room) -> None:
    ticket_id = await the_ticket(room)
    fence = await room.begin(ticket_id)
    await room.opened.tickets.cancel(ticket_id, owner=None, by="ana")
    with pytest.raises(NotFound):
        await reported(room, ticket_id, GREEN)
    told = await room.opened.reports.beat(fence)
    assert (told.cancel, told.report) == (True, None)


@in_room
async def test_who_tries_a_failed_run_again_waits_for_another(room: Room) -> None:
    ticket_id = await the_ticket(room)
    fence = await room.begin(ticket_id)
    await reported(room, ticket_id, RED)
    await room.opened.reports.fail(fence, Result(ok=False, code="pipeline_failed", retryable=False))
    await room.opened.tickets.retry(ticket_id, owner=None, by="ana")
    again = room.fence(await room.lease(ticket_id))
    assert (await room.opened.reports.start(again)).report is None
    await reported(room, ticket_id, GREEN)
    assert (await room.opened.reports.beat(again)).report == GREEN


@in_room
async def test_a_run_that_succeeded_stays_so_when_its_ticket_is_tried_again(room: Room) -> None:
    ticket_id = await the_ticket(room, sla={"max_retries": 0})
    fence = await room.begin(ticket_id)
    await reported(room, ticket_id, GREEN)
    await room.opened.reports.fail(fence, Result(ok=False, code="internal"))
    await room.opened.tickets.retry(ticket_id, owner=None, by="ana")
    again = room.fence(await room.lease(ticket_id))
    assert (await room.opened.reports.start(again)).report == GREEN


@in_room
async def test_it_goes_with_its_plan(room: Room) -> None:
    accepted = await room.submit(WAITS)
    await reported(room, accepted.ticket_ids["ci"], GREEN)
    await room.opened.plans.cancel(accepted.plan.plan_id, owner=None, by="ana")
    await room.opened.plans.remove(accepted.plan.plan_id, owner=None)
    with pytest.raises(NotFound):
        await reported(room, accepted.ticket_ids["ci"], GREEN)
