"""The plans room on a real database, with a clock that tests turn."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from cluster_ai.core.consent import Deed, Frozen, Outlook
from cluster_ai.core.db import Database, open_database
from cluster_ai.core.errors import InvalidInput
from cluster_ai.core.events import Event
from cluster_ai.core.ids import Ids
from cluster_ai.executors.contract import Result
from cluster_ai.plans.given import Given, Trait
from cluster_ai.plans.opening import Opened
from cluster_ai.plans.records import Fence, Leased
from cluster_ai.plans.results import Results
from cluster_ai.plans.tokens import TicketKeys
from cluster_ai.plans.types import Accepted, NewPlan

KINDS = {
    "EXECUTE": Trait(is_idempotent=True, can_compensate=True),
    "INFER": Trait(is_idempotent=True),
    "TEST": Trait(is_idempotent=True),
    "DEPLOY": Trait(is_idempotent=False, can_compensate=True),
    "MAP": Trait(is_idempotent=True),
}
LEASE = 30.0


def check(kind: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """The executors' side: there are five kinds, and ``seconds`` must be a number."""
    if kind not in KINDS:
        raise InvalidInput(f"there is no executor for {kind}", path="")
    if not isinstance(parameters.get("seconds", 0), int | float):
        raise InvalidInput("must be a number", path="seconds")
    return parameters


@dataclass
class Room:
    """The open room, and what a test may turn."""

    database: Database
    given: Given
    opened: Opened
    clock: list[float]
    told: list[Event]
    forbidden: dict[str, str] = field(default_factory=dict)
    """By action: why nobody may do it."""

    async def outlook(self) -> Outlook:
        forbidden = dict(self.forbidden)

        def why(deed: Deed) -> str:
            return "" if deed.is_mending else forbidden.get(deed.action.value, "")

        return Outlook(" ".join(forbidden.values()), why)

    @property
    def now(self) -> float:
        return self.clock[0]

    def later(self, seconds: float) -> float:
        self.clock[0] += seconds
        return self.clock[0]

    async def submit(self, *tickets: dict[str, Any], owner: str = "ana", **more: Any) -> Accepted:
        """Tickets are EXECUTE unless they say something else."""
        asked = [{"type": "EXECUTE"} | ticket for ticket in tickets]
        return await self.opened.plans.submit(NewPlan.model_validate({"tickets": asked} | more), owner=owner)

    async def lease(self, ticket_id: str, worker: str = "w1") -> Leased:
        leased = await self.opened.queue.lease(ticket_id, worker, self.now, LEASE)
        assert leased is not None
        return leased

    def fence(self, leased: Leased) -> Fence:
        return self.given.keys.read(leased.token, ticket_id=leased.ticket.ticket_id, verb="complete", now=self.now)

    async def begin(self, ticket_id: str) -> Fence:
        fence = self.fence(await self.lease(ticket_id))
        await self.opened.reports.start(fence)
        return fence

    async def succeed(self, ticket_id: str, value: Any = None) -> None:
        fence = await self.begin(ticket_id)
        await self.opened.reports.complete(fence, Result(ok=True, value=value))

    async def fail(self, ticket_id: str, **more: Any) -> None:
        fence = await self.begin(ticket_id)
        await self.opened.reports.fail(fence, Result(ok=False, **({"code": "broken", "error": "it broke"} | more)))

    async def ready(self) -> list[str]:
        """Names of what may be leased, the first first."""
        return [ticket.task_id for ticket in await self.opened.queue.ready(self.now, 100)]

    async def states(self, accepted: Accepted) -> dict[str, str]:
        """By name."""
        page = await self.opened.reader.tickets({"plan_id": accepted.plan.plan_id}, limit=200)
        return {ticket.task_id: ticket.status.value for ticket in page.items}

    async def plan(self, accepted: Accepted) -> str:
        return (await self.opened.reader.plan(accepted.plan.plan_id)).status.value

    async def drain(self) -> list[str]:
        """Does all that is ready, and what becomes ready, until nothing is; the order in which it was done."""
        done: list[str] = []
        while found := await self.opened.queue.ready(self.now, 100):
            for ticket in found:
                await self.succeed(ticket.ticket_id, {"of": ticket.task_id})
                done.append(ticket.task_id)
        return done


Story = Callable[[Room], Awaitable[None]]


@asynccontextmanager
async def opened_room(url: str, folder: Path) -> AsyncIterator[Room]:
    clock = [1_800_000_000.0]
    told: list[Event] = []
    forbidden: dict[str, str] = {}

    async def consent(_connection: AsyncConnection, deed: Deed) -> None:
        if deed.action.value in forbidden and not deed.is_mending:
            raise Frozen(forbidden[deed.action.value], values={"freeze": "f1", "slo": "chat"})

    async with open_database(url, on_fatal=lambda error: pytest.fail(error.message)) as database:
        given = Given(
            database=database,
            results=Results(folder / "results"),
            keys=await asyncio.to_thread(TicketKeys.load, folder),
            check=check,
            traits=lambda kind: KINDS.get(kind, Trait()),
            hears=lambda kind, parameters: kind == "TEST" and "pipeline" in parameters,
            consent=consent,
            tell=told.append,
            now=lambda: clock[0],
            new_id=Ids(),
            rng=Random(7),
            lease_seconds=LEASE,
        )
        yield Room(database, given, Opened.of(given), clock, told, forbidden)


Tell = Callable[[Story], None]


@pytest.fixture
def tell(url: str, tmp_path: Path) -> Tell:
    """Runs a story in the room, on each database."""

    def run(story: Story) -> None:
        async def told() -> None:
            async with opened_room(url, tmp_path) as room:
                await story(room)

        asyncio.run(told())

    return run
