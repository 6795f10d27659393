"""Of several heads one evaluates for all: the others know where objectives stand, and tell and count nothing twice."""

from contextlib import suppress
from dataclasses import replace

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.errors import Conflict
from cluster_ai.slo import schema
from cluster_ai.slo.service import Service
from tests.slo.conftest import House, objective, policy


class Deposed(Conflict):
    code = "not_leading"


async def refuse(_connection: AsyncConnection) -> None:
    raise Deposed("another leads")


def follower(service: Service) -> Service:
    return Service(replace(service.given, leads=lambda: 0, guard=refuse))


def deposed(service: Service) -> Service:
    """It believes that it leads."""
    return Service(replace(service.given, guard=refuse))


async def standings(house: House) -> int:
    async with house.database.read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(schema.budgets)) or 0)


async def events(house: House) -> float:
    async with house.database.read() as connection:
        whole = select(func.sum(schema.buckets.c.valid)).where(schema.buckets.c.width_s == 60)
        return float(await connection.scalar(whole) or 0.0)


async def begun(house: House, service: Service) -> None:
    """Calls happen, of which half are bad, and one head has counted them."""
    await service.desk.objectives.create(objective())
    await service.desk.policies.create(policy())
    await service.evaluate()
    await house.counted()
    await house.minute(good=20, bad=20)


def test_a_follower_sees_the_same_and_writes_nothing(house: House) -> None:
    async def story(service: Service) -> None:
        await begun(house, service)
        before, told = await standings(house), house.types()
        other = follower(service)
        await other.evaluate()
        mine, its = service.picture.budgets["chat"], other.picture.budgets["chat"]
        assert (its.status, its.remaining) == (mine.status, mine.remaining)
        assert other.figures.active == service.figures.active
        assert len(other.figures.active) == 1
        assert (await standings(house), house.types()) == (before, told)

    house.tell(story)


def test_what_was_logged_is_counted_by_one_head(house: House) -> None:
    async def story(service: Service) -> None:
        await begun(house, service)
        before = await events(house)
        other = follower(service)
        await other.evaluate()
        house.called(good=10)
        for _ in range(3):
            await other.count()
        assert await events(house) == before
        await house.counted()
        await other.count()
        assert await events(house) == before + 10

    house.tell(story)


def test_a_deposed_head_evaluates_and_counts_nothing(house: House) -> None:
    async def story(service: Service) -> None:
        await begun(house, service)
        stood, counted, told = await standings(house), await events(house), house.types()
        late = deposed(service)
        house.called(bad=10)
        with pytest.raises(Deposed):
            await late.evaluate()
        late.measuring.counting.ledger.watch({"chat": service.picture.objectives["chat"].objective})
        late._watches = True
        # Twice: on PostgreSQL a log is read up to where it was at the look before.
        for _ in range(2):
            with suppress(Deposed):
                await late.count()
        assert (await standings(house), await events(house), house.types()) == (stood, counted, told)

    house.tell(story)
