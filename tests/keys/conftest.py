"""Keys on both databases, by a clock and chance of the test's own."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from cluster_ai.accounts import tables as accounts
from cluster_ai.accounts.types import User
from cluster_ai.core.db import Database, open_database
from cluster_ai.core.principals import Role
from cluster_ai.keys.service import Chance, Keys
from cluster_ai.keys.types import NewKey


@dataclass
class Ring:
    """``now`` is the clock; moving it is the test's business."""

    url: str
    now: float = 1_800_000_000.0
    drawn: Any = field(default_factory=lambda: itertools.count(1))

    def chance(self) -> Chance:
        return Chance(
            now=lambda: self.now,
            new_id=lambda: f"id-{next(self.drawn):05}",
            random=lambda size: next(self.drawn).to_bytes(size),
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[tuple[Keys, Database]]:
        async with open_database(self.url, on_fatal=pytest.fail) as database:
            yield Keys(database, chance=self.chance()), database

    def tell(self, story: Callable[[Keys, Database], Awaitable[None]]) -> None:
        async def tell() -> None:
            async with self.opened() as (keys, database):
                await story(keys, database)

        asyncio.run(tell())


def wanted(name: str = "laptop", **more: Any) -> NewKey:
    return NewKey(name=name, **more)


async def add_user(database: Database, name: str) -> str:
    user = User(id=f"user-{name}", name=name, role=Role.USER, password_chosen=True)
    async with database.transaction() as connection:
        await accounts.add_user(connection, user, password_hash="x", now=0.0)
    return user.id


async def remove_user(database: Database, user_id: str) -> None:
    async with database.transaction() as connection:
        await connection.execute(accounts.users.delete().where(accounts.users.c.id == user_id))


@pytest.fixture
def ring(url: str) -> Ring:
    return Ring(url)
