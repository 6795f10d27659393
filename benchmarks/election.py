"""Several heads on one PostgreSQL: ``./manager.sh bench election``.

Three processes write as fast as they may while they lead; the leader is killed (``kill -9``), and the clock runs
until another one's first write is durable. Then what the fence costs: one empty unit of work after the other, with and
without it, on both databases. Prints tables and writes ``election.json`` beside the other results.
"""

import argparse
import asyncio
import random
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import text

from benchmarks.rig import results
from cluster_ai.core.db import Database, open_database, sqlite_url
from cluster_ai.core.ids import new_id
from cluster_ai.core.migrate import upgrade
from cluster_ai.election.opening import Around, ElectionSettings, open_term
from tests.core.postgres import running_postgres
from tests.election.arena import arena, holds

UNITS = 1000
WRITE = text("UPDATE core_probe SET at = 1")


def takeovers(url: str, folder: Path, *, kills: int, ttl: float) -> dict[str, Any]:
    """Seconds from each kill to the first durable write of another."""
    rng, seconds = random.Random(3), []
    with arena(url, folder, ttl=ttl) as opened:
        leader = opened.leading()
        for _ in range(kills):
            # Anywhere between two renewals.
            time.sleep(rng.uniform(0, ttl / 2))
            leader.signal(signal.SIGKILL)
            began = time.monotonic()
            following = opened.leading(but=leader)
            seconds.append(round(time.monotonic() - began, 2))
            leader.start()
            leader = following
        holds(opened)
        rows = len(opened.rows())
    return {
        "ttl": ttl,
        "kills": kills,
        "least": min(seconds),
        "median": statistics.median(seconds),
        "most": max(seconds),
        "writes": rows,
    }


async def fence(url: str, folder: Path) -> dict[str, float]:
    """Milliseconds of a unit of work, the median of many, as it is and guarded."""
    async with open_database(url, on_fatal=print) as database:
        around = Around(folder=folder, now=time.time, new_id=new_id, tell=lambda _event: None)
        async with open_term(database, ElectionSettings(), around) as term:
            led = database.guarded(term.guard)
            # In turns: whatever else the machine does, it does to both.
            pairs = [(await _milliseconds(database), await _milliseconds(led)) for _ in range(UNITS)]
    plain, fenced = zip(*pairs, strict=True)
    return {"plain": round(statistics.median(plain), 3), "fenced": round(statistics.median(fenced), 3)}


async def _milliseconds(database: Database) -> float:
    began = time.perf_counter()
    async with database.transaction() as connection:
        await connection.execute(WRITE)
    return (time.perf_counter() - began) * 1000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=7)
    asked = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with tempfile.TemporaryDirectory() as name, running_postgres() as url:
        folder = Path(name)
        upgrade(url)
        upgrade(sqlite_url(folder / "test.db"))
        costs = {
            kind: asyncio.run(fence(at, folder))
            for kind, at in (("sqlite", sqlite_url(folder / "test.db")), ("postgresql", url))
        }
        rows = [takeovers(url, folder, kills=asked.kills, ttl=ttl) for ttl in (3.0, 10.0)]
    heads = ("ttl", "kills", "least", "median", "most", "writes")
    sys.stdout.write(results.table([f"{head} s" if head != "kills" else head for head in heads[:5]] + ["writes"],
                                   [[row[head] for head in heads] for row in rows]) + "\n\n")  # fmt: skip
    sys.stdout.write(
        results.table(
            ["unit of work", "plain ms", "fenced ms"], [[k, c["plain"], c["fenced"]] for k, c in costs.items()]
        )
        + "\n"
    )
    results.write("election", {"takeovers": rows, "fence": costs})
    return 0


if __name__ == "__main__":
    sys.exit(main())
