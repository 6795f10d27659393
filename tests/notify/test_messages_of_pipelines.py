"""What a pipeline elsewhere says of a ticket counts once, however often it is told, and only from who has the secret."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.errors import Conflict, InvalidInput
from cluster_ai.notify import tables
from cluster_ai.notify.inbound import KEEP_SECONDS
from cluster_ai.notify.signing import BARE, Claims, signed
from cluster_ai.notify.types import Outcome, SignatureRefused
from tests.notify.conftest import Desk, Scene, Story

Tell = Callable[[Story], None]
DONE = {"ticket_id": "t1", "succeeded": True, "detail": "42 tests"}


def lowered(headers: dict[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def message(
    scene: Scene, name: str, said: dict[str, Any] | None = None, *, late: int = 0
) -> tuple[dict[str, str], bytes]:
    body = json.dumps(DONE if said is None else said).encode()
    return lowered(signed(scene.room.inbound.key, Claims(name, int(scene.desk.now) - late), body)), body


def test_told_twice_it_counts_once(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        first = await scene.room.inbound.pipeline_completed(*message(scene, "m1"))
        again = await scene.room.inbound.pipeline_completed(*message(scene, "m1"))
        other = await scene.room.inbound.pipeline_completed(*message(scene, "m2", DONE | {"succeeded": False}))
        assert [first.duplicate, again.duplicate, other.duplicate] == [False, True, False]
        assert [outcome.succeeded for outcome in scene.desk.outcomes] == [True, False]
        assert scene.desk.outcomes[0] == Outcome(ticket_id="t1", succeeded=True, detail="42 tests")

    tell(story)


def test_many_at_once_count_once(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        calls = [scene.room.inbound.pipeline_completed(*message(scene, "m1")) for _ in range(8)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        assert len(scene.desk.outcomes) == 1
        assert sum(getattr(answer, "duplicate", True) is False for answer in answers) == 1

    tell(story)


def test_what_could_not_be_done_may_be_told_again(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        scene.desk.refuse = Conflict("the ticket does not wait")
        with pytest.raises(Conflict):
            await scene.room.inbound.pipeline_completed(*message(scene, "m1"))
        scene.desk.refuse = None
        assert not (await scene.room.inbound.pipeline_completed(*message(scene, "m1"))).duplicate
        assert len(scene.desk.outcomes) == 1

    tell(story)


def test_who_is_ended_before_it_answers_has_kept_nothing_and_may_be_told_again(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        begun = asyncio.Event()

        async def never_done(connection: AsyncConnection, _outcome: Outcome) -> None:
            assert not await tables.take_receipt(connection, "m1", now=scene.desk.now), "it is noted by now"
            begun.set()
            await asyncio.Event().wait()

        door = replace(scene.room.inbound, completed=never_done)
        task = asyncio.create_task(door.pipeline_completed(*message(scene, "m1")))
        await begun.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not (await scene.room.inbound.pipeline_completed(*message(scene, "m1"))).duplicate
        assert len(scene.desk.outcomes) == 1

    tell(story)


@pytest.mark.parametrize("late", [301, -301])
def test_from_another_time_it_is_refused(tell: Tell, late: int) -> None:
    async def story(scene: Scene) -> None:
        with pytest.raises(SignatureRefused, match="not from now"):
            await scene.room.inbound.pipeline_completed(*message(scene, "m1", late=late))
        assert scene.room.tools.figures.signature_failures == 1
        assert scene.desk.outcomes == []

    tell(story)


def test_body_that_alone_is_signed_holds_its_own_id_and_time(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        def bare(said: dict[str, Any]) -> tuple[dict[str, str], bytes]:
            headers, body = message(scene, "of the headers", said)
            return {BARE: headers[BARE], "webhook-id": "another", "webhook-timestamp": "1"}, body

        whole = DONE | {"id": "m1", "timestamp": int(scene.desk.now)}
        assert not (await scene.room.inbound.pipeline_completed(*bare(whole))).duplicate
        assert (await scene.room.inbound.pipeline_completed(*bare(whole))).duplicate
        for wrong in (
            DONE,
            DONE | {"id": "m2"},
            DONE | {"id": "", "timestamp": int(scene.desk.now)},
            DONE | {"id": "m2", "timestamp": True},
            DONE | {"id": "m2", "timestamp": int(scene.desk.now) - 301},
        ):
            with pytest.raises(SignatureRefused):
                await scene.room.inbound.pipeline_completed(*bare(wrong))
        assert scene.room.tools.figures.signature_failures == 5
        assert len(scene.desk.outcomes) == 1

    tell(story)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"ticket_id": "t1"},
        {"ticket_id": "t1", "succeeded": "yes"},
        {"ticket_id": "t 1", "succeeded": True},
        {"ticket_id": "t1", "succeeded": True, "more": 1},
        {"ticket_id": "t1", "succeeded": True, "detail": "x" * 1025},
    ],
    ids=lambda said: str(said)[:60],
)
def test_signed_nonsense_is_refused_and_leaves_no_receipt(tell: Tell, said: dict[str, Any]) -> None:
    async def story(scene: Scene) -> None:
        with pytest.raises(InvalidInput):
            await scene.room.inbound.pipeline_completed(*message(scene, "m1", said))
        assert not (await scene.room.inbound.pipeline_completed(*message(scene, "m1"))).duplicate

    tell(story)


def test_receipts_are_forgotten_when_their_time_is_long_past(tell: Tell) -> None:
    async def story(scene: Scene) -> None:
        await scene.room.inbound.pipeline_completed(*message(scene, "m1"))
        await scene.room.inbound.forget()
        assert (await scene.room.inbound.pipeline_completed(*message(scene, "m1"))).duplicate
        scene.desk.now += KEEP_SECONDS + 1
        await scene.room.inbound.forget()
        assert not (await scene.room.inbound.pipeline_completed(*message(scene, "m1"))).duplicate

    tell(story)


def test_secret_lies_in_a_file_that_only_its_owner_reads(desk: Desk) -> None:
    async def story() -> None:
        async with desk.opened() as (room, _):
            key = room.inbound.key
        async with desk.opened() as (room, _):
            assert room.inbound.key == key, "it stays over a restart"

    asyncio.run(story())
    modes = {path.name: path.stat().st_mode & 0o777 for path in desk.secrets.iterdir()}
    assert modes == dict.fromkeys(("notify.key", "pipeline-webhook.secret", "ticket-webhook.secret"), 0o600)
