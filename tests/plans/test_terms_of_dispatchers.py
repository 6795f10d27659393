"""A dispatcher works in its head's term: what it writes after that is refused, and each term begins afresh."""

from dataclasses import replace

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.election.types import NotLeading
from cluster_ai.plans.dispatcher import Dispatcher, Means
from cluster_ai.plans.losing import Flow
from tests.plans.conftest import LEASE, Room
from tests.plans.small_desk import SmallDesk
from tests.plans.stories import in_room
from tests.plans.test_dispatching import begin, hands, many


class Term:
    """``epoch``: what this head believes; ``there``: what the database says."""

    def __init__(self) -> None:
        self.epoch = self.there = 1

    def leads(self) -> int:
        return self.epoch

    async def guard(self, _connection: AsyncConnection) -> None:
        if self.epoch != self.there:
            raise NotLeading("another leads")


def dispatcher(room: Room, desk: SmallDesk, term: Term) -> Dispatcher:
    led = Flow(replace(room.given, database=room.database.guarded(term.guard)))
    return Dispatcher(Means(database=room.database, queue=led, desk=desk, hands=hands, leads=term.leads))


@in_room
async def test_a_deposed_dispatcher_changes_nothing(room: Room) -> None:
    desk, term = SmallDesk(), Term()
    desk.has("w0")
    works = dispatcher(room, desk, term)
    await works.tick(room.later(0.3))
    ids = await many(room, 2)
    term.there = 2
    with pytest.raises(NotLeading):
        await works.tick(room.later(0.3))
    assert not desk.taken
    for ticket_id in ids.values():
        ticket = await room.opened.reader.ticket(ticket_id)
        assert (ticket.status, ticket.attempt) == ("ready", 0)


@in_room
async def test_a_deposed_dispatcher_takes_nothing_back(room: Room) -> None:
    desk, term = SmallDesk(), Term()
    desk.has("w0")
    works = dispatcher(room, desk, term)
    ids = await many(room, 1)
    await works.tick(room.later(0.3))
    await begin(room, desk.taken[0])
    term.there = 2
    with pytest.raises(NotLeading):
        await works.tick(room.later(LEASE + 1))
    assert (await room.opened.reader.ticket(ids["t0"])).status == "running"


@in_room
async def test_every_lease_gets_its_whole_time_once_in_each_term(room: Room) -> None:
    desk, term = SmallDesk(), Term()
    desk.has("w0")
    works = dispatcher(room, desk, term)
    ids = await many(room, 1)
    await works.tick(room.later(0.3))
    await begin(room, desk.taken[0])
    # Others led for a while, in which nobody could report; it did not look in between.
    term.epoch = term.there = 3
    await works.tick(room.later(LEASE + 1))
    assert (await room.opened.reader.ticket(ids["t0"])).status == "running"
    await works.tick(room.later(LEASE + 1))
    assert (await room.opened.reader.ticket(ids["t0"])).status != "running"
