"""Objectives that a Prometheus is asked for: the minutes since the last answer, put in their buckets."""

import math
from collections.abc import Mapping
from typing import Any, Final

import structlog

from cluster_ai.core.db import Database
from cluster_ai.core.errors import ClusterError, Conflict
from cluster_ai.slo import bucket_tables
from cluster_ai.slo.burn import Tally
from cluster_ai.slo.types import MINUTE, Objective, SliQuery, Source
from cluster_ai.slo.web import NeighbourDown, Web
from cluster_ai.slo.windows import MINUTES_KEPT, floor

log = structlog.get_logger(__name__)

AGAIN: Final = 3 * MINUTE
"""Minutes that are asked for once more: a scrape may come late."""


class NoPrometheus(Conflict):
    """No Prometheus is named in the settings."""

    code = "no_prometheus"


class Promql:
    """Reads minutes from a Prometheus. ``web`` is None while none is named."""

    def __init__(self, database: Database, web: Web | None) -> None:
        self._database = database
        self.web = web
        self._asked: dict[str, int] = {}

    async def look(self, objectives: Mapping[str, Objective], now: float) -> None:
        """Asks for what is new of every objective that is asked so, once a minute. One that fails stops no other."""
        minute = floor(now, MINUTE)
        for slo_id, objective in objectives.items():
            if objective.sli_query.source is not Source.PROMETHEUS or self._asked.get(slo_id) == minute:
                continue
            try:
                await self._fetch(slo_id, objective, minute)
            except ClusterError as exc:
                log.warning("objective not read", slo=slo_id, code=exc.code, reason=exc.message)
            else:
                self._asked[slo_id] = minute

    async def minutes(self, query: SliQuery, *, since: int, until: int) -> dict[int, Tally]:
        """Good and valid events of each minute that begins in [``since``, ``until``).

        Raises:
            NoPrometheus, NeighbourDown, QueryRefused: as they say.
        """
        valid = await self._range(query.valid, since, until)
        other = await self._range(query.good or query.bad, since, until)
        return {
            minute: Tally(_between(other.get(minute, 0.0), query, count), count)
            for minute, count in valid.items()
            if count > 0
        }

    async def tally(self, query: SliQuery, seconds: int, now: float) -> Tally:
        """Of the last whole minutes. Raises as ``minutes``."""
        until = floor(now, MINUTE)
        return sum((await self.minutes(query, since=until - seconds, until=until)).values(), start=Tally())

    async def again(self, slo_id: str, objective: Objective, now: float) -> None:
        """Asks once more for all minutes that are kept. Raises as ``minutes``."""
        await self._fetch(slo_id, objective, floor(now, MINUTE), everything=True)

    async def _fetch(self, slo_id: str, objective: Objective, minute: int, *, everything: bool = False) -> None:
        async with self._database.read() as connection:
            last = None if everything else await bucket_tables.last_minute(connection, slo_id)
        since = max(minute - MINUTES_KEPT, (last or 0) - AGAIN)
        found = await self.minutes(objective.sli_query, since=since, until=minute)
        told = {(slo_id, at): tally for at, tally in found.items()}
        async with self._database.transaction() as connection:
            await bucket_tables.put(connection, told)
            await bucket_tables.sum_hours(connection, {slo_id: objective}, told)

    async def _range(self, query: str, since: int, until: int) -> dict[int, float]:
        if self.web is None:
            raise NoPrometheus("no Prometheus is named", hint="slo.prometheus_url in config.toml")
        asked = {
            "query": query.replace("$window", "1m"),
            # A value at the end of a minute speaks of that minute.
            "start": str(since + MINUTE),
            "end": str(until),
            "step": str(MINUTE),
        }
        return _summed(await self.web.get("/api/v1/query_range", asked), self.web.url)


def _between(counted: float, query: SliQuery, valid: float) -> float:
    good = counted if query.good else valid - counted
    return min(max(good, 0.0), valid)


def _summed(answer: Any, url: str) -> dict[int, float]:
    """The series of an answer added up, by the minute that each value speaks of."""
    found: dict[int, float] = {}
    try:
        for series in answer["data"]["result"]:
            for at, value in series["values"]:
                if math.isfinite(number := float(value)):
                    minute = floor(float(at), MINUTE) - MINUTE
                    found[minute] = found.get(minute, 0.0) + number
    except (KeyError, TypeError, ValueError) as exc:
        raise NeighbourDown(f"{url} answers as no Prometheus does") from exc
    return found
