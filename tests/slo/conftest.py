"""The room of objectives over a real database, with a clock that tests move."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cluster_ai.core.consent import Action, Deed, Frozen
from cluster_ai.core.db import Database, open_database
from cluster_ai.core.events import Event
from cluster_ai.slo.given import Given
from cluster_ai.slo.judging import Call
from cluster_ai.slo.service import Service
from cluster_ai.slo.types import NewObjective, NewPolicy, SloSettings

START = 1_800_000_000.0
"""A whole hour."""


@dataclass
class Log:
    """The gateway's log of calls, in memory."""

    rows: list[Call] = field(default_factory=list)

    async def newest(self) -> int:
        return self.rows[-1].number if self.rows else 0

    async def after(self, number: int, *, upto: int, limit: int) -> Sequence[Call]:
        return [row for row in self.rows if number < row.number <= upto][:limit]


@dataclass
class House:
    """The room, and everything around it that a test may change."""

    url: str
    folder: Path
    now: float = START
    told: list[Event] = field(default_factory=list)
    log: Log = field(default_factory=Log)
    nodes: dict[str, bool] = field(default_factory=dict)
    settings: SloSettings = field(default_factory=SloSettings)
    ids: Iterator[str] = field(default_factory=lambda: (f"{number:032d}" for number in itertools.count(1)))
    service: Service = field(init=False)
    database: Database = field(init=False)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Service]:
        async with open_database(self.url, on_fatal=pytest.fail) as database:
            self.database = database
            given = Given(
                database, self.settings, self.folder, lambda: self.now, lambda: next(self.ids), self.told.append,
                self.log, lambda: self.nodes,
            )  # fmt: skip
            self.service = Service(given)
            yield self.service

    def tell(self, story: Callable[[Service], Awaitable[None]]) -> None:
        async def tell() -> None:
            async with self.opened() as service:
                await story(service)

        asyncio.run(tell())

    # -- verbs of stories

    def called(self, *, good: int = 0, bad: int = 0, **more: Any) -> None:
        """Calls that end now."""
        for number in range(good + bad):
            self.call(outcome="done" if number < good else "broken", **more)

    def call(self, **more: Any) -> None:
        fields = {
            "number": len(self.log.rows) + 1,
            "at": self.now,
            "model": "m",
            "answered_by": "m:latest",
            "node": "n1",
            "outcome": "done",
            "status": 200,
            "ttft_seconds": 0.1,
            "total_seconds": 0.0,
        }
        self.log.rows.append(Call(**(fields | more)))

    async def counted(self) -> None:
        # Twice: on PostgreSQL a log is read up to where it was at the look before.
        await self.service.count()
        await self.service.count()

    async def minute(self, *, good: int = 0, bad: int = 0) -> None:
        """A minute in which this happens, with the evaluation at its end."""
        self.called(good=good, bad=bad)
        await self.counted()
        self.now += 60
        await self.service.evaluate()

    def types(self) -> list[str]:
        return [event.type for event in self.told]

    async def refused(self, deed: Deed) -> Frozen | None:
        """Why the deed is refused in a unit of work; None when it is not."""
        try:
            async with self.database.transaction() as connection:
                await self.service.freezes.consent(connection, deed)
        except Frozen as exc:
            return exc
        return None


PULL = Deed(Action.PULL, "tiny:1b", {"service": "gateway", "model": "tiny:1b"})


def objective(slo_id: str = "chat", **more: Any) -> NewObjective:
    return NewObjective.model_validate({"slo_id": slo_id, "name": slo_id, "target": 0.9, "window_days": 1, **more})


def policy(policy_id: str = "no-pulls", **more: Any) -> NewPolicy:
    fields = {
        "policy_id": policy_id,
        "name": policy_id,
        "scope": "SERVICE",
        "target": "gateway",
        "actions": ["BLOCK_PULL"],
        "trigger_below": 0.1,
        "release_above": 0.4,
        "min_duration_s": 600,
    }
    return NewPolicy.model_validate(fields | more)


@pytest.fixture
def house(url: str, tmp_path: Path) -> House:
    folder = tmp_path / "slo"
    folder.mkdir()
    return House(url, folder)


@pytest.fixture
def sqlite_house(sqlite_url: str, tmp_path: Path) -> House:
    """For what is the same on every database."""
    folder = tmp_path / "slo"
    folder.mkdir()
    return House(sqlite_url, folder)
