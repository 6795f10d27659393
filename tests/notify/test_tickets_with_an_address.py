"""A ticket that names an address has its end told there: signed, guarded, and without a word to anybody else."""

import asyncio
from collections.abc import Callable

import pytest

from cluster_ai.core.events import Event
from cluster_ai.core.paths import read_secret
from cluster_ai.notify import outbound, settling, tables, ticket_hooks
from cluster_ai.notify.signing import key_of, verify
from cluster_ai.notify.ticket_hooks import ENDED, NAME
from cluster_ai.notify.types import DeliveryState
from cluster_ai.plans.words import TicketState
from tests.notify.conftest import Desk, Scene, Story, receiving
from tests.told import told_by

Tell = Callable[[Story], None]


async def ends(scene: Scene, url: str, *, status: str = "succeeded", kind: str = "ticket.succeeded") -> Event:
    (event,) = await scene.happen(kind, status=status, webhook_url=url, owner="ana")
    return event


def test_ends_are_those_of_the_machine() -> None:
    assert {state.value for state in TicketState if state.ended} == ENDED


def test_its_end_is_told_there_once_and_signed(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        url = f"{scene.receiver.origin}/mine?token=hunter2"
        await ends(scene, url, status="running", kind="ticket.started")
        event = await ends(scene, url)
        await scene.happen("ticket.succeeded", status="succeeded")
        assert await scene.round() == 1
        (heard,) = scene.receiver.heard
        assert heard.path == "/mine"
        key = key_of(await asyncio.to_thread(read_secret, scene.desk.secrets / NAME))
        claims = verify(key, heard.headers, heard.body)
        assert claims is not None
        assert claims.id == event.id
        assert heard.said["data"] == {"status": "succeeded", "owner": "ana"}
        (endpoint,) = await scene.room.webhooks.all()
        assert (endpoint.url, endpoint.events) == (scene.receiver.origin, ())
        (row,) = await scene.room.webhooks.deliveries(endpoint.id)
        assert row.state is DeliveryState.SENT

    tell(story)


def test_nobody_else_learns_its_address(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        await scene.add("*")
        await ends(scene, f"{scene.receiver.origin}/mine?token=hunter2")
        assert await scene.round() == 2
        assert all("hunter2" not in heard.body.decode() for heard in scene.receiver.heard)

    tell(story)


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/", "http://169.254.169.254/", "file:///etc/passwd", "x", ""])
def test_address_that_may_not_be_called_is_not(tell: Tell, address: str) -> None:
    async def story(scene: Scene) -> None:
        await ends(scene, address)
        assert await scene.round() == 0
        assert await scene.room.webhooks.all() == ()

    tell(story)


@pytest.mark.parametrize("place", ["http://127.0.0.1:1", "http://nobody.invalid", "ftp://nobody.invalid"])
def test_what_is_logged_of_an_address_holds_no_token(tell: Tell, place: str) -> None:
    async def story(scene: Scene) -> None:
        with told_by(outbound, settling, ticket_hooks) as logs:
            await ends(scene, f"{place}/mine?token=hunter2")
            for _ in range(8):
                await scene.round()
                scene.desk.now += 26_000.0
        assert logs, "it was not called, and the log says so"
        assert "hunter2" not in str(logs)
        for endpoint in await scene.room.webhooks.all():
            assert "hunter2" not in str((endpoint, await scene.room.webhooks.deliveries(endpoint.id)))

    tell(story)


def test_many_tickets_of_one_place_share_an_endpoint_that_is_forgotten_when_idle(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        for number in range(5):
            await ends(scene, f"{scene.receiver.origin}/{number}")
        while await scene.round():
            pass
        assert {heard.path for heard in scene.receiver.heard} == {f"/{number}" for number in range(5)}
        assert len(await scene.room.webhooks.all()) == 1
        async with scene.database.transaction() as connection:
            await tables.forget_idle(connection)
        assert len(await scene.room.webhooks.all()) == 1
        async with scene.database.transaction() as connection:
            await tables.forget_ended(connection, before=scene.desk.now + 1, most=100)
            await tables.forget_idle(connection)
        assert await scene.room.webhooks.all() == ()

    tell(story)


def test_two_heads_that_meet_a_new_place_at_once_tell_it_once(desk: Desk) -> None:
    async def story() -> None:
        async with receiving() as receiver, desk.opened(receiver.origin) as (room, database):
            said = {"status": "failed", "webhook_url": receiver.url}
            happened = [desk.event("ticket.failed", **said) for _ in range(50)]
            async with desk.opened(receiver.origin) as (other, _):
                await desk.happen(database, *happened)
                await asyncio.gather(room.fanout.tick(), other.fanout.tick())
            while await room.outbound.tick():
                await room.outbound.idle()
            assert sorted(heard.said["id"] for heard in receiver.heard) == sorted(event.id for event in happened)

    asyncio.run(story())


def test_one_address_that_is_gone_disables_no_other(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        scene.receiver.status = 410
        await ends(scene, f"{scene.receiver.origin}/gone")
        await scene.round()
        scene.receiver.status = 200
        await ends(scene, f"{scene.receiver.origin}/here")
        assert await scene.round() == 1
        (endpoint,) = await scene.room.webhooks.all()
        states = [row.state for row in await scene.room.webhooks.deliveries(endpoint.id)]
        assert sorted(states) == [DeliveryState.DEAD, DeliveryState.SENT]

    tell(story)
