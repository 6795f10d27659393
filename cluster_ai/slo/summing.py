"""The sums of windows, read for all objectives at once, and where each stands by them."""

from collections.abc import Mapping
from typing import Any

from cluster_ai.core.db import Database
from cluster_ai.slo import bucket_tables
from cluster_ai.slo.burn import Tally
from cluster_ai.slo.judging import stand
from cluster_ai.slo.types import BudgetView, ObjectiveView
from cluster_ai.slo.windows import spans, windowed, windows_of


class Summing:
    """Reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def standings(self, objectives: Mapping[str, ObjectiveView], now: float) -> dict[str, BudgetView]:
        """Where these stand; the sums of all that are counted alike are read together."""
        found: dict[str, BudgetView] = {}
        alike: dict[tuple[Any, ...], list[str]] = {}
        for slo_id, view in objectives.items():
            alike.setdefault((view.objective.budgeting, view.objective.slice_target), []).append(slo_id)
        async with self._database.read() as connection:
            for slo_ids in alike.values():
                first = objectives[slo_ids[0]].objective
                lengths = {one for slo_id in slo_ids for one in windows_of(objectives[slo_id].objective)}
                sums = await bucket_tables.sums(connection, first, slo_ids, spans(now, lengths))
                for slo_id in slo_ids:
                    objective = objectives[slo_id].objective
                    found[slo_id] = stand(
                        slo_id, objective, windowed(now, windows_of(objective), sums[slo_id]), now=now
                    )
        return found

    async def window(self, view: ObjectiveView, seconds: int, now: float) -> Tally:
        """What happened in the ``seconds`` before ``now``."""
        slo_id = view.slo_id
        async with self._database.read() as connection:
            sums = await bucket_tables.sums(connection, view.objective, [slo_id], spans(now, (seconds,)))
        return windowed(now, (seconds,), sums[slo_id])[seconds]
