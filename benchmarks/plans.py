"""How long a large plan takes until it is accepted, and how many no-ops a second go through the tables.

``python benchmarks/plans.py --tickets 10000 [--database postgresql://...]``: a fresh SQLite file when no database is
named. Chains of ten tickets. Of the second figure nothing but the room is part: leases, starts and completions of one
caller after the other, without workers or HTTP. Prints seconds, and the longest time that the loop stood still.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

from cluster_ai.core.db import open_database
from cluster_ai.core.errors import ClusterError
from cluster_ai.core.ids import Ids
from cluster_ai.core.migrate import upgrade
from cluster_ai.executors.contract import Result
from cluster_ai.plans.given import Given, Trait
from cluster_ai.plans.opening import Opened, steady
from cluster_ai.plans.results import Results
from cluster_ai.plans.tokens import TicketKeys
from cluster_ai.plans.types import NewPlan

CHAIN = 10
LOOK_SECONDS = 0.005


def body(tickets: int) -> dict[str, Any]:
    return {
        "tickets": [
            {
                "id": f"t{number}",
                "type": "EXECUTE",
                "depends_on": [f"t{number - 1}"] if number % CHAIN else [],
                "parameters": {"argv": ["true", str(number)]},
            }
            for number in range(tickets)
        ]
    }


async def stillness(longest: list[float]) -> None:
    while True:
        began = time.perf_counter()
        await asyncio.sleep(LOOK_SECONDS)
        longest[0] = max(longest[0], time.perf_counter() - began - LOOK_SECONDS)


async def through(room: Opened, seconds: float) -> int:
    """No-ops that went through in that time."""
    now = room.given.now
    until, done = now() + seconds, 0
    while now() < until and (found := await room.queue.ready(now(), 50)):
        for ticket in found:
            leased = await room.queue.lease(ticket.ticket_id, "bench", now(), 60.0)
            if leased is not None:
                fence = room.given.keys.read(leased.token, ticket_id=ticket.ticket_id, verb="start", now=now())
                await room.reports.start(fence)
                await room.reports.complete(fence, Result(ok=True))
                done += 1
    return done


async def measure(url: str, folder: Path, tickets: int) -> None:
    def died(error: ClusterError) -> None:
        raise SystemExit(error.message)

    async with open_database(url, on_fatal=died) as database:
        given = Given(
            database=database,
            results=Results(folder / "results"),
            keys=await asyncio.to_thread(TicketKeys.load, folder),
            check=lambda _kind, parameters: parameters,
            traits=lambda _kind: Trait(is_idempotent=True),
            now=steady(),
            new_id=Ids(),
        )
        room = Opened.of(given)
        plan = NewPlan.model_validate(body(tickets))
        longest = [0.0]
        watching = asyncio.create_task(stillness(longest))
        began = time.perf_counter()
        await room.plans.submit(plan, owner="bench")
        took = time.perf_counter() - began
        watching.cancel()
        print(
            f"{tickets} tickets accepted in {took:.2f} s; the loop stood still for {longest[0] * 1000:.0f} ms at most"
        )
        done = await through(room, 5.0)
        print(f"{done / 5:.0f} no-ops a second, one caller after the other")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickets", type=int, default=10_000)
    parser.add_argument("--database", default="")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        url = chosen.database or f"sqlite:///{name}/plans.db"
        upgrade(url)
        asyncio.run(measure(url, Path(name), chosen.tickets))


if __name__ == "__main__":
    main()
