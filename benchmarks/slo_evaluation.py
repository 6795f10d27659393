"""How long one calculation of many objectives takes, with four days of minutes and a month of hours each.

``python benchmarks/slo_evaluation.py [OBJECTIVES] [DATABASE_URL]``: the sums and standings alone, and the whole round
with what it stores; the median and the slowest of twenty.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cluster_ai.core.db import open_database
from cluster_ai.core.ids import new_id
from cluster_ai.core.migrate import upgrade
from cluster_ai.slo import schema
from cluster_ai.slo.given import Given, Nobody
from cluster_ai.slo.service import Service
from cluster_ai.slo.types import DAY, HOUR, MINUTE, NewObjective, SloSettings
from cluster_ai.slo.windows import floor

ROUNDS = 20
AT_ONCE = 5000


async def fill(database: Any, slo_ids: list[str], now: float) -> int:
    """Every minute of four days and every hour of thirty; how many rows it were."""
    end, count = floor(now, HOUR), 0
    for slo_id in slo_ids:
        rows = [(slo_id, MINUTE, end - n * MINUTE, 9.0, 10.0) for n in range(4 * DAY // MINUTE)]
        rows += [(slo_id, HOUR, end - n * HOUR, 540.0, 600.0) for n in range(1, 30 * 24)]
        names = ("slo_id", "width_s", "start_at", "good", "valid")
        async with database.transaction() as connection:
            for at in range(0, len(rows), AT_ONCE):
                some = [dict(zip(names, row, strict=True)) for row in rows[at : at + AT_ONCE]]
                await connection.execute(schema.buckets.insert(), some)
        count += len(rows)
    return count


async def measure(url: str, objectives: int) -> None:
    now = time.time()
    async with open_database(url, on_fatal=print) as database:
        given = Given(
            database, SloSettings(), Path("/nonexistent"), time.time, new_id, lambda _: None, Nobody(), dict
        )  # fmt: skip
        service = Service(given)
        wanted = tuple(
            NewObjective.model_validate({"slo_id": f"s{n}", "name": f"s{n}", "target": 0.99}) for n in range(objectives)
        )
        await service.desk.objectives.create_all(wanted)
        rows = await fill(database, [f"s{n}" for n in range(objectives)], now)
        sums, rounds = [], []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            await service.evaluate()
            rounds.append(time.perf_counter() - began)
            sums.append(service.picture.seconds)
        for name, found in (("sums and standings", sums), ("the whole round", rounds)):
            middle, worst = statistics.median(found) * 1000, max(found) * 1000
            what = f"{database.dialect}: {objectives} objectives, {rows} rows: {name}"
            print(f"{what} {middle:.0f} ms, at most {worst:.0f} ms")


def main(argv: list[str]) -> None:
    objectives = int(argv[0]) if argv else 100
    with tempfile.TemporaryDirectory() as folder:
        url = argv[1] if len(argv) > 1 else f"sqlite:///{folder}/slo.db"
        upgrade(url)
        asyncio.run(measure(url, objectives))


if __name__ == "__main__":
    main(sys.argv[1:])
