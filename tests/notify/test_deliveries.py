"""Every event reaches every endpoint that wants it: once it was taken, and again until then."""

import asyncio
import random
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest
from sqlalchemy import select

from cluster_ai.core.errors import NotFound
from cluster_ai.notify import tables
from cluster_ai.notify.outbound import LEASE_SECONDS
from cluster_ai.notify.types import DeliveryState, Disabled, EndpointChanges
from tests.core.query_plans import scans
from tests.core.tables_alike import differences
from tests.notify.conftest import Desk, Scene, Story, met, receiving

Tell = Callable[[Story], None]


def test_tables_in_the_code_are_those_in_the_database(url: str) -> None:
    assert differences(url, tables.metadata) == []


def test_each_endpoint_gets_what_it_wants_once(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        everything, tickets = await scene.add("*"), await scene.add("ticket.*", "slo.violated")
        one = await scene.add("plan.completed")
        happened = await scene.happen("ticket.failed", "plan.completed", "ticketing.closed", "slo.violated")
        assert await scene.room.fanout.tick() == 0, "what was passed on is passed on"
        # By hand, as if the mark had been lost: nothing is made twice.
        async with scene.database.transaction() as connection:
            await scene.room.fanout.queue(connection, happened)
        assert await scene.round() == 7
        assert await scene.round() == 0
        got = sorted(heard.said["type"] for heard in scene.receiver.heard)
        twice = ["ticket.failed", "slo.violated", "plan.completed"]
        assert got == sorted([*twice, *twice, "ticketing.closed"])
        assert {heard.said["id"] for heard in scene.receiver.heard} == {event.id for event in happened}
        counts = [len(await scene.room.webhooks.deliveries(name)) for name in (everything, tickets, one)]
        assert counts == [4, 2, 1]

    tell(story)


def test_two_heads_that_pass_on_at_once_make_each_delivery_once(desk: Desk) -> None:
    async def story() -> None:
        async with receiving() as receiver, desk.opened(receiver.origin) as (room, database):
            scene = Scene(desk, room, database, receiver)
            await scene.add("*")
            happened = [desk.event() for _ in range(300)]
            async with desk.opened(receiver.origin) as (other, _):
                await desk.happen(database, *happened)
                await asyncio.gather(*(one.fanout.tick() for one in (room, other) for _ in range(3)))
                begun = await asyncio.gather(room.outbound.tick(), other.outbound.tick())
                while sum(begun):
                    await asyncio.gather(room.outbound.idle(), other.outbound.idle())
                    begun = await asyncio.gather(room.outbound.tick(), other.outbound.tick())
            assert sorted(heard.said["id"] for heard in receiver.heard) == sorted(event.id for event in happened)

    asyncio.run(story())


def test_what_it_says_and_what_is_noted_of_it(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        endpoint = await scene.add("ticket.failed")
        scene.receiver.text = "x" * 5000
        (event,) = await scene.happen("ticket.failed", code="timeout", word="ação")
        await scene.round()
        (heard,) = scene.receiver.heard
        assert heard.said == {
            "id": event.id, "type": "ticket.failed", "subject": "ticket-1", "at": scene.desk.now,
            "data": {"code": "timeout", "word": "ação"},
        }  # fmt: skip
        assert heard.headers["content-type"] == "application/json"
        assert heard.headers["webhook-id"] == event.id
        (row,) = await scene.room.webhooks.deliveries(endpoint)
        assert (row.state, row.attempts, row.status, row.next_at) == (DeliveryState.SENT, 1, 200, None)
        assert row.excerpt == "x" * 1024
        assert (row.event_id, row.event_type, row.subject) == (event.id, "ticket.failed", "ticket-1")

    tell(story)


def test_tried_again_after_longer_and_longer_pauses_until_it_is_dead_and_then_by_hand(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        endpoint = await scene.add()
        scene.receiver.status = 500
        (event,) = await scene.happen("ticket.failed")
        for delay in (5, 30, 120, 600, 3600, 21_600):
            assert await scene.round() == 1
            (row,) = await scene.room.webhooks.deliveries(endpoint)
            assert (row.state, row.status) == (DeliveryState.RETRYING, 500)
            assert row.next_at == pytest.approx(scene.desk.now + delay)
            scene.desk.now += delay - 1
            assert await scene.round() == 0
            scene.desk.now += 1.001
        assert await scene.round() == 1
        (row,) = await scene.room.webhooks.deliveries(endpoint)
        assert (row.state, row.attempts, row.next_at) == (DeliveryState.DEAD, 7, None)
        scene.desk.now += 86_400
        assert await scene.round() == 0
        scene.receiver.status = 204
        assert await scene.room.webhooks.redeliver(endpoint, row.id) == 1
        assert await scene.round() == 1
        (row,) = await scene.room.webhooks.deliveries(endpoint)
        assert (row.state, row.attempts, row.status) == (DeliveryState.SENT, 1, 204)
        assert {heard.headers["webhook-id"] for heard in scene.receiver.heard} == {event.id}
        with pytest.raises(NotFound):
            await scene.room.webhooks.redeliver(endpoint, "nothing")

    tell(story)


def test_dead_ones_are_sent_again_in_bulk_and_sent_ones_are_not(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        endpoint, other = await scene.add(), await scene.add()
        await scene.happen("ticket.completed")
        await scene.round()
        scene.receiver.status = 410
        await scene.happen("ticket.failed", "ticket.failed", "ticket.failed")
        await scene.round()
        for name in (endpoint, other):
            await scene.room.webhooks.change(name, EndpointChanges(enabled=True))
        scene.receiver.status, before = 200, len(scene.receiver.heard)
        assert await scene.room.webhooks.redeliver(endpoint, None) == 3
        assert await scene.round() == 3
        assert len(scene.receiver.heard) == before + 3
        states = [row.state for row in await scene.room.webhooks.deliveries(endpoint)]
        assert states == [DeliveryState.SENT] * 4
        assert {row.state for row in await scene.room.webhooks.deliveries(other, state=DeliveryState.DEAD)} == {
            DeliveryState.DEAD
        }

    tell(story)


@pytest.mark.parametrize("status", [429, 503])
def test_asked_for_time_it_is_left_alone_so_long(tell: Tell, status: int) -> None:
    async def story(scene: Scene) -> None:
        endpoint = await scene.add()
        scene.receiver.status, scene.receiver.headers = status, {"Retry-After": "700"}
        await scene.happen("ticket.failed")
        await scene.round()
        (row,) = await scene.room.webhooks.deliveries(endpoint)
        assert row.next_at == pytest.approx(scene.desk.now + 700)

    tell(story)


def test_gone_ends_it_at_once_and_says_so(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        endpoint = await scene.add("ticket.*")
        scene.receiver.status = 410
        await scene.happen("ticket.failed", "ticket.ready")
        await scene.room.outbound.tick()
        await scene.room.outbound.idle()
        view = await scene.room.webhooks.get(endpoint)
        assert (view.enabled, view.why_disabled) == (False, "gone")
        rows = await scene.room.webhooks.deliveries(endpoint)
        assert {row.state for row in rows} == {DeliveryState.DEAD}
        assert [(event.type, event.subject, event.data["reason"]) for event in scene.desk.told] == [
            ("webhook.disabled", endpoint, "gone")
        ]
        await scene.happen("ticket.failed")
        assert len(await scene.room.webhooks.deliveries(endpoint)) == 2, "nothing new is queued for it"
        with pytest.raises(Disabled):
            await scene.room.webhooks.redeliver(endpoint, None)

    tell(story)


def test_failing_for_three_days_disables_with_an_event_and_success_forgets(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        endpoint, watcher = await scene.add("ticket.*"), await scene.add("webhook.disabled")
        scene.receiver.status = 500
        for _ in range(3):
            await scene.happen("ticket.failed")
            await scene.round()
            scene.desk.now += 86_399
        assert (await scene.room.webhooks.get(endpoint)).enabled
        scene.receiver.status = 200
        await scene.happen("ticket.failed")
        await scene.round()
        assert (await scene.room.webhooks.get(endpoint)).failing_since is None
        scene.receiver.status = 500
        began = scene.desk.now
        await scene.happen("ticket.failed")
        await scene.round()
        assert (await scene.room.webhooks.get(endpoint)).failing_since == began
        scene.desk.now = began + 3 * 86_400
        await scene.happen("ticket.ready")
        await scene.round()
        view = await scene.room.webhooks.get(endpoint)
        assert (view.enabled, view.why_disabled) == (False, "failing")
        assert not [row for row in await scene.room.webhooks.deliveries(endpoint) if row.next_at is not None]
        scene.receiver.status = 200
        await scene.room.fanout.tick()
        await scene.round()
        (told,) = await scene.room.webhooks.deliveries(watcher)
        assert (told.event_type, told.subject, told.state) == ("webhook.disabled", endpoint, DeliveryState.SENT)

    tell(story)


def test_slow_endpoint_holds_up_no_other(desk: Desk) -> None:
    async def story() -> None:
        async with AsyncExitStack() as stack:
            slow, quick = [await stack.enter_async_context(receiving()) for _ in range(2)]
            room, database = await stack.enter_async_context(desk.opened(slow.origin, quick.origin))
            slow.hold = asyncio.Event()
            scene = Scene(desk, room, database, slow)
            first, second = await scene.add("ticket.*"), await scene.add("ticket.*", url=quick.url)
            # More than the slow one has room for stand before everything of the quick one.
            await scene.happen(*["ticket.ready"] * 300)
            running = asyncio.create_task(room.outbound.run(seconds=0.05))
            await met(lambda: len(quick.heard) == 300)
            assert slow.open <= 4, "and it is not overrun itself"
            slow.hold.set()
            await met(lambda: len(slow.heard) >= 300)
            await room.outbound.idle()
            # On a busy box the quick one took so long that the slow one's first calls were given up: they are due again.
            desk.now += 3600
            while any(row.state != DeliveryState.SENT for row in await room.webhooks.deliveries(first, most=1000)):
                await asyncio.sleep(0.05)
            running.cancel()
            await asyncio.wait({running})
            for name in (first, second):
                rows = await room.webhooks.deliveries(name, most=1000)
                assert [row.state for row in rows] == [DeliveryState.SENT] * 300

    asyncio.run(story())


def test_what_is_being_sent_is_sent_by_nobody_else_until_its_lease_is_over(desk: Desk) -> None:
    async def story() -> None:
        async with receiving() as receiver, desk.opened(receiver.origin) as (room, database):
            receiver.hold = asyncio.Event()
            scene = Scene(desk, room, database, receiver)
            await scene.add()
            await scene.happen("ticket.failed")
            assert await room.outbound.tick() == 1
            async with desk.opened(receiver.origin) as (other, _):
                assert await other.outbound.tick() == 0
                desk.now += LEASE_SECONDS
                assert await other.outbound.tick() == 1, "whoever had it was killed"
                await met(lambda: receiver.open == 2)
                receiver.hold.set()
                await other.outbound.idle()
            await room.outbound.idle()
            assert len({heard.headers["webhook-id"] for heard in receiver.heard}) == 1

    asyncio.run(story())


def test_receiver_that_drops_a_third_gets_everything_in_the_end(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        draw = random.Random(3)
        scene.receiver.draw = lambda: 503 if draw.random() < 0.3 else 200
        endpoint = await scene.add()
        happened = await scene.happen(*["ticket.completed"] * 100)
        for _ in range(7):
            while await scene.round():
                pass
            scene.desk.now += 30_000
        rows = await scene.room.webhooks.deliveries(endpoint, most=200)
        assert {row.state for row in rows} == {DeliveryState.SENT}
        taken = [heard.said["id"] for heard in scene.receiver.heard if heard.answered == 200]
        assert sorted(taken) == sorted(event.id for event in happened), "each was taken once"
        assert len(scene.receiver.heard) > 110

    tell(story)


def test_removed_or_disabled_while_it_is_sent(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        scene.receiver.hold = asyncio.Event()
        gone, ended = await scene.add(), await scene.add()
        await scene.happen("ticket.failed")
        assert await scene.room.outbound.tick() == 2
        await scene.room.webhooks.remove(gone)
        await scene.room.webhooks.change(ended, EndpointChanges(enabled=False))
        scene.receiver.hold.set()
        await scene.room.outbound.idle()
        with pytest.raises(NotFound):
            await scene.room.webhooks.get(gone)
        (row,) = await scene.room.webhooks.deliveries(ended)
        assert row.state is DeliveryState.DEAD

    tell(story)


def test_old_ones_are_forgotten_and_open_ones_are_not(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        endpoint = await scene.add()
        await scene.happen("ticket.ready")
        await scene.round()
        scene.desk.now += 10
        await scene.happen("ticket.failed")
        async with scene.database.transaction() as connection:
            assert await tables.forget_ended(connection, before=scene.desk.now + 1, most=10) == 1
            assert await tables.count_open(connection, most=10) == 1
        (row,) = await scene.room.webhooks.deliveries(endpoint)
        assert row.event_type == "ticket.failed"

    tell(story)


def test_pages_of_deliveries_meet_without_gap(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        endpoint = await scene.add()
        for number in range(7):
            scene.desk.now += number % 2
            await scene.happen(f"ticket.number{number}")
        seen: list[str] = []
        while page := await scene.room.webhooks.deliveries(endpoint, before=seen[-1] if seen else "", most=3):
            seen += [row.id for row in page]
        assert len(set(seen)) == len(seen) == 7
        assert seen == [row.id for row in await scene.room.webhooks.deliveries(endpoint)]

    tell(story)


def test_nothing_is_found_by_reading_everything(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        rows = tables.deliveries
        due = select(rows).where(rows.c.next_at <= 5.0).order_by(rows.c.next_at, rows.c.changed_at).limit(5)
        page = (
            select(rows).where(rows.c.endpoint_id == "x").order_by(rows.c.created_at.desc(), rows.c.id.desc()).limit(5)
        )
        old = select(rows.c.id).where(rows.c.next_at.is_(None), rows.c.changed_at < 5.0).limit(5)
        for query in (due, page, old):
            async with scene.database.read() as connection:
                assert await scans(connection, query) == []

    tell(story)
