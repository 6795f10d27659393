"""What nobody asks for any more is dropped."""

from collections.abc import Mapping
from typing import Final

from cluster_ai.core.db import Database
from cluster_ai.slo import bucket_tables, tables
from cluster_ai.slo.types import DAY, HISTORY_DAYS, HOUR, MINUTE, ObjectiveView
from cluster_ai.slo.windows import MINUTES_KEPT

SPARE: Final = 2 * HOUR
"""Minutes of an hour that a window begins in are asked for together."""


async def clean(database: Database, objectives: Mapping[str, ObjectiveView], now: float) -> None:
    """Minutes after four days, hours a month after their period, standings and alerts after a while."""
    by_days: dict[int, list[str]] = {}
    for slo_id, view in objectives.items():
        by_days.setdefault(view.objective.window_days, []).append(slo_id)
    async with database.transaction() as connection:
        for days, slo_ids in sorted(by_days.items()):
            await bucket_tables.forget(connection, slo_ids, width=MINUTE, before=int(now) - MINUTES_KEPT - SPARE)
            await bucket_tables.forget(connection, slo_ids, width=HOUR, before=int(now) - (days + HISTORY_DAYS) * DAY)
        await tables.forget_budgets(connection, before=now - 2 * HISTORY_DAYS * DAY)
        await tables.forget_receipts(connection, before=now - HISTORY_DAYS * DAY)
