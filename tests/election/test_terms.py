"""One head leads at a time, and what comes after its term is refused; on real databases, with clocks that jump."""

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa

from cluster_ai.core import outbox
from cluster_ai.core.db import Database
from cluster_ai.election import tables
from cluster_ai.election.types import NotLeading
from tests.core.tables_alike import differences
from tests.election.conftest import TTL, Tell, heads

SHARED = pytest.mark.real


async def expire(database: Database, seconds: float = 0.0) -> None:
    """The database's clock goes on."""
    async with database.transaction() as connection:
        shift = tables.lease.c.expires_at - (seconds or TTL + 1)
        await connection.execute(tables.lease.update().values(expires_at=shift))


def test_the_table_in_the_code_is_the_one_in_the_database(url: str) -> None:
    assert differences(url, tables.metadata) == []


def test_the_only_head_leads_at_once_and_nothing_ends_its_term(tell: Tell) -> None:
    async def story(url: str, folder: Path) -> None:
        async with heads(url, folder, "a") as (only,):
            await only.term.tick()
            assert only.term.epoch() == 1
            await only.write()
            assert only.term.view().leads

    tell(story)


def test_each_life_of_a_head_has_an_epoch_of_its_own_and_waits_for_nobody(tell: Tell) -> None:
    async def story(url: str, folder: Path) -> None:
        for life in (1, 2, 3):
            async with heads(url, folder, "a") as (one,):
                await one.term.tick()
                assert one.term.epoch() == life
                # Killed: nothing is given back.

    tell(story)


def test_a_second_process_on_one_data_directory_does_not_lead(tell: Tell) -> None:
    async def story(url: str, folder: Path) -> None:
        async with heads(url, folder, "a", "a") as (first, second):
            await first.term.tick()
            assert await second.term.tick() > 1
            assert first.leads
            assert not second.leads
            with pytest.raises(NotLeading):
                await second.write()
            await first.write()

    tell(story)


@SHARED
def test_one_of_two_heads_leads_and_the_other_takes_over_when_the_term_is_over(shared: Tell) -> None:
    async def story(url: str, folder: Path) -> None:
        async with heads(url, folder, "a", "b") as (first, second):
            await first.term.tick()
            await second.term.tick()
            assert (first.term.epoch(), second.term.epoch()) == (1, 0)
            assert second.term.view().holder == first.term.view().head
            await expire(first.database)
            await second.term.tick()
            assert second.term.epoch() == 2
            # By its own clock the first believes still.
            assert first.leads
            with pytest.raises(NotLeading):
                await first.write()
            assert not first.leads
            assert first.term.refused == 1
            await second.write()
            await first.term.tick()
            assert not first.leads
            assert first.term.view().holder == second.term.view().head

    shared(story)


@SHARED
def test_who_cannot_renew_stops_by_its_own_clock_before_the_term_is_over(shared: Tell) -> None:
    async def story(url: str, folder: Path) -> None:
        async with heads(url, folder, "a") as (first,):
            await first.term.tick()
            first.clock[0] += TTL
            assert not first.leads
            with pytest.raises(NotLeading):
                await first.write()
            # It is renewed: nobody took it meanwhile.
            await first.term.tick()
            assert first.leads

    shared(story)


@SHARED
def test_a_jump_of_a_heads_wall_clock_changes_nothing(shared: Tell) -> None:
    async def story(url: str, folder: Path) -> None:
        walls = [1_800_000_000.0], [1_800_000_000.0]
        async with heads(url, folder, "a", "b", walls=walls) as (first, second):
            await first.term.tick()
            for jump in (3600.0, -7200.0, 1e8):
                walls[0][0] += jump
                walls[1][0] -= jump
                await first.term.tick()
                await second.term.tick()
                await first.write()
                assert (first.term.epoch(), second.term.epoch()) == (1, 0)

    shared(story)


@SHARED
def test_a_database_whose_clock_was_set_back_keeps_nobody_out_for_hours(shared: Tell) -> None:
    async def story(url: str, folder: Path) -> None:
        async with heads(url, folder, "a", "b") as (first, second):
            await first.term.tick()
            await expire(first.database, -3600.0)
            with pytest.raises(NotLeading):
                await first.write()
            await second.term.tick()
            assert second.term.epoch() == 2

    shared(story)


@SHARED
def test_a_write_that_began_in_a_term_ends_in_it(shared: Tell) -> None:
    async def story(url: str, folder: Path) -> None:
        async with heads(url, folder, "a", "b") as (first, second):
            await first.term.tick()
            led = first.database.guarded(first.term.guard)
            async with led.transaction() as connection:
                await connection.execute(sa.text("UPDATE core_probe SET at = 7"))
                await expire(second.database)
                taking = asyncio.create_task(second.term.tick())
                await asyncio.wait({taking}, timeout=0.5)
                assert not second.leads, "the old term's write is not over"
            await taking
            while not second.leads:
                await second.term.tick()
            with pytest.raises(NotLeading):
                await first.write()

    shared(story)


@SHARED
def test_a_head_that_stops_gives_its_term_back(shared: Tell) -> None:
    async def story(url: str, folder: Path) -> None:
        async with heads(url, folder, "a", "b") as (first, second):
            async with first.term.running():
                await second.term.tick()
                assert first.leads
                assert not second.leads
            assert not first.leads
            await second.term.tick()
            assert second.term.epoch() == 2

    shared(story)


@SHARED
def test_a_new_leader_is_told_once_with_the_term_itself(shared: Tell) -> None:
    async def story(url: str, folder: Path) -> None:
        async with heads(url, folder, "a", "b") as (first, second):
            await first.term.tick()
            await expire(first.database)
            await second.term.tick()
            assert [event.type for event in first.told + second.told] == ["leader.changed"] * 2
            assert second.told[0].data == {"epoch": 2, "was": first.term.view().head}
            async with first.database.read() as connection:
                stored = await outbox.unpublished(connection, 10)
            assert [event.id for event in stored] == [first.told[0].id, second.told[0].id]
        async with heads(url, folder, "b") as (again,):
            await again.term.tick()
            assert again.term.epoch() == 3
            assert not again.told, "it is the same head"

    shared(story)


@SHARED
def test_of_many_heads_that_ask_at_once_one_wins(shared: Tell) -> None:
    async def story(url: str, folder: Path) -> None:
        async with heads(url, folder, "a", "b", "c", "d") as all_of_them:
            for round_ in range(1, 6):
                await asyncio.gather(*(one.term.tick() for one in all_of_them))
                winners = [one for one in all_of_them if one.term.epoch() == round_]
                assert len(winners) == 1
                await winners[0].write()
                await expire(winners[0].database)
                winners[0].clock[0] += TTL

    shared(story)
