"""Workers are answered by their attempt's token: what has begun is known by its fence, however late it comes."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from cluster_ai.core.errors import InvalidInput, NotFound
from cluster_ai.plans.clerk import Clerk
from cluster_ai.plans.lines import Lines
from cluster_ai.plans.ordering import Gateway, order_of
from cluster_ai.plans.pace import Pace
from cluster_ai.plans.records import Leased, Ticket
from cluster_ai.plans.types import StaleAttempt, TicketToken, TokenScope
from cluster_ai.plans.words import TicketState
from cluster_ai.plans.worker_side import Room as WorkerRoom
from tests.plans.conftest import Room
from tests.plans.stories import in_room

GATEWAY = Gateway("http://gateway", "cai_key")


def clerk_of(room: Room) -> Clerk:
    folder = Path(room.given.results.folder.parent / "lines")
    return Clerk(WorkerRoom(room.given, room.opened.reports), Lines(folder), lambda _worker: GATEWAY, Pace())


async def say(clerk: Clerk, leased: Leased, verb: str, **body: Any) -> Any:
    said = json.dumps({"attempt": leased.attempt, **body}).encode()
    return await clerk.answer(leased.ticket.ticket_id, verb, leased.token, said)


@in_room
async def test_a_start_is_answered_with_what_is_to_be_done(room: Room) -> None:
    ids = (await room.submit({"id": "a", "type": "INFER", "parameters": {"seconds": 1}})).ticket_ids
    clerk, leased = clerk_of(room), await room.lease(ids["a"])
    begun = await say(clerk, leased, "start", worker="w1", life="x")
    assert (begun.order.kind, begun.order.attempt, begun.order.parameters) == ("INFER", 1, {"seconds": 1})
    assert (begun.order.gateway_url, begun.order.gateway_key) == ("http://gateway", "cai_key")
    assert begun.order.key == ids["a"]
    assert begun.lease_seconds == 30.0


@in_room
async def test_a_late_report_counts_while_nobody_took_over_and_a_late_start_does_not(room: Room) -> None:
    ids = (await room.submit({"id": "a"}, {"id": "b"})).ticket_ids
    clerk, first, second = clerk_of(room), await room.lease(ids["a"]), await room.lease(ids["b"])
    await say(clerk, first, "start")
    room.later(100_000)
    assert (await say(clerk, first, "complete", result=7)).dup is False
    assert (await say(clerk, first, "complete", result=7)).dup is True
    with pytest.raises(TicketToken):
        await say(clerk, second, "start")


@in_room
async def test_a_report_of_an_attempt_that_was_taken_over_is_refused(room: Room) -> None:
    ids = (await room.submit({"id": "a"})).ticket_ids
    clerk, first = clerk_of(room), await room.lease(ids["a"])
    await say(clerk, first, "start")
    await room.opened.reaper.reap(room.later(31))
    await room.opened.reaper.reap(room.later(10))
    second = await room.lease(ids["a"])
    await say(clerk, second, "start")
    for verb in ("heartbeat", "progress", "complete", "fail"):
        with pytest.raises(StaleAttempt):
            await say(clerk, first, verb)
    assert (await say(clerk, second, "complete")).dup is False


@in_room
async def test_what_the_worker_lost_does_not_count_against_the_ticket(room: Room) -> None:
    ids = (await room.submit({"id": "a", "sla": {"max_retries": 0}})).ticket_ids
    clerk, first = clerk_of(room), await room.lease(ids["a"])
    await say(clerk, first, "start")
    await say(clerk, first, "fail", code="worker_stopped", error="its worker was stopped")
    ticket = await room.opened.reader.ticket(ids["a"])
    assert (ticket.status, ticket.retry_count, ticket.losses) == (TicketState.RETRYING, 0, 1)


@in_room
async def test_a_failure_of_the_work_does(room: Room) -> None:
    ids = (await room.submit({"id": "a", "sla": {"max_retries": 0}})).ticket_ids
    clerk, first = clerk_of(room), await room.lease(ids["a"])
    await say(clerk, first, "start")
    await say(clerk, first, "fail", code="exit_nonzero", error="exit 3")
    assert (await room.opened.reader.ticket(ids["a"])).status is TicketState.DEAD


@in_room
async def test_a_token_opens_one_attempt_at_one_ticket(room: Room) -> None:
    ids = (await room.submit({"id": "a"}, {"id": "b"})).ticket_ids
    clerk, leased = clerk_of(room), await room.lease(ids["a"])
    with pytest.raises(TokenScope):
        await clerk.answer(ids["b"], "start", leased.token, b'{"attempt": 1}')
    with pytest.raises(InvalidInput):
        await clerk.answer(ids["a"], "start", leased.token, b'{"attempt": 2}')
    with pytest.raises(InvalidInput):
        await clerk.answer(ids["a"], "start", leased.token, b'{"attempt": 1, "more": 1}')
    with pytest.raises(NotFound):
        await clerk.answer(ids["a"], "destroy", leased.token, b"{}")
    with pytest.raises(TicketToken):
        await clerk.answer(ids["a"], "start", "nonsense", b'{"attempt": 1}')


@in_room
async def test_who_is_to_be_cancelled_is_told_so_and_lines_are_kept(room: Room) -> None:
    ids = (await room.submit({"id": "a"})).ticket_ids
    clerk, leased = clerk_of(room), await room.lease(ids["a"])
    await say(clerk, leased, "start")
    told = await say(clerk, leased, "progress", progress=0.5, note="half", lines=["x"], lost=2)
    assert told.cancel is False
    await room.opened.tickets.cancel(ids["a"], owner=None, by="boss")
    assert (await say(clerk, leased, "heartbeat")).cancel is True
    kept = await asyncio.to_thread(Lines(Path(room.given.results.folder.parent / "lines")).read, ids["a"])
    assert [line.get("text", line.get("lost")) for line in kept.lines] == [2, "x"]
    await say(clerk, leased, "fail", code="cancelled")
    assert (await room.opened.reader.ticket(ids["a"])).status is TicketState.CANCELLED


def test_undoing_knows_what_was_done() -> None:
    ticket = Ticket(
        ticket_id="t", plan_id="p", task_type="DEPLOY", status=TicketState.COMPENSATING, attempt=2,
        parameters={"a": 1}, result={"b": 2}, idempotency_key="k", resources={"memory": 5.0, "network": 1.0},
    )  # fmt: skip
    order = order_of(ticket, GATEWAY)
    assert (order.kind, order.key, order.gateway_url) == ("COMPENSATE", "k:undo", "")
    assert order.done is not None
    assert (order.done["kind"], order.done["parameters"], order.done["key"]) == ("DEPLOY", {"a": 1}, "k")
    assert order.done["result"]["value"] == {"b": 2}
    assert (order.limits.memory_bytes, order.limits.network, order.limits.seconds) == (5, True, 300.0)
